import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AttestationResult } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { connect } from '@cmc/attested-tls';
import { createCmc, type LocalCmc } from '@cmc/cmcd';
import { createTestbed, type Testbed } from '@cmc/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildApplication,
  buildInitrd,
  type Machine,
  type MachineOptions,
  manufactureTpm,
  prepareKernel,
  rootImage,
  startMachine,
} from '../src/index.ts';
import { faultsOf } from './support/attester.ts';
import { type Provisioning, runTool, startProvisioning } from './support/provisioning.ts';
import { isMissing } from './support/requirements.ts';

const PREPARE_MS = 240_000;
const TEST_MS = 60_000;
const IMA = 'ima_policy=tcb ima_hash=sha256 ima_template=ima-ng';
const NAME = 'guest.test';
const SERVICE_PORT = 8443;
const MRTOOL = '/app/node_modules/@cmc/mrtool/dist/main.js';
const METATOOL = fileURLToPath(new URL('../../metatool/dist/main.js', import.meta.url));
/** Modules are loaded when they are needed, so what was run until now is not all that may run. */
const READ_ALL =
  "busybox find /app -name '*.js' -o -name '*.mjs' -o -name '*.cjs' -o -name '*.json' -o -name '*.node' | busybox xargs busybox cat > /dev/null";
const STATE = '/tmp/state.tar';
const NEW_PROGRAM = '/data/not-in-the-manifest';

describe.skipIf(await isMissing())('cmcd in a machine that measures', () => {
  let folder = '';
  let options: MachineOptions;
  let machine: Machine;
  let testbed: Testbed;
  let provisioning: Provisioning;
  let host: LocalCmc;
  let keyId: string | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-vm-attested-'));
    const kernel = await prepareKernel();
    const [initrd, application] = [join(folder, 'initrd'), join(folder, 'application')];
    await buildInitrd(kernel, initrd);
    await buildApplication(['@cmc/cmcd', '@cmc/attested-tls', '@cmc/mrtool'], application);
    const tpm = await manufactureTpm(folder);
    testbed = await createTestbed();
    const metadataCa = join(folder, 'metadata-ca.pem');
    writeFileSync(metadataCa, testbed.metadataCa.pem);
    provisioning = await startProvisioning(folder, tpm, metadataCa, NAME);
    const party = await testbed.party('host');
    host = await createCmc({
      metadataRoots: [...testbed.metadataRoots, ...parsePemCertificates(provisioning.rootPem)],
      metadata: party.metadata,
      measurers: [party.driver],
      name: 'host',
    });
    const root = await rootImage();
    options = { kernel: kernel.image, initrd, root, application, tpm, servicePort: SERVICE_PORT };
    await boot(IMA);
    await startDaemon();
  }, PREPARE_MS);

  afterAll(async () => {
    await machine?.stop();
    await host?.[Symbol.asyncDispose]();
    await provisioning?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function boot(commandLine: string): Promise<void> {
    machine = await startMachine({ ...options, commandLine, reachesHost: true });
    console.log(`up after ${Math.round(machine.bootMs)} ms`);
  }

  async function startDaemon(): Promise<void> {
    const { agent } = machine;
    await agent.write('/tmp/metadata-ca.pem', testbed.metadataCa.pem, 0o600);
    await agent.write('/tmp/provisioning.pem', provisioning.rootPem, 0o600);
    await agent.write('/tmp/cmcd.json', JSON.stringify(settings()), 0o600);
    await guest('startDaemon', { config: '/tmp/cmcd.json' });
  }

  function settings(): object {
    return {
      cmcAddr: 'unix:///tmp/cmcd.sock',
      name: NAME,
      drivers: ['tpm'],
      storage: '/tmp/cmcd',
      rootCas: ['/tmp/metadata-ca.pem', '/tmp/provisioning.pem'],
      metadata: [`${provisioning.url}/metadata/`],
      enrollmentMode: 'est',
      enrollmentAddr: provisioning.url,
    };
  }

  async function guest(name: string, argument: unknown = null): Promise<unknown> {
    return await machine.agent.call('/app/guest/service.mjs', name, argument);
  }

  async function serve(): Promise<void> {
    await guest('serve', { port: SERVICE_PORT, keyId, ca: testbed.tls.ca });
  }

  async function createKey(): Promise<{ readonly keyId?: string }> {
    const names = { cn: NAME, dnsNames: [NAME], ipAddresses: [] };
    return (await guest('createKey', { keyConfig: { type: 'tpm', alg: 'EC256', ...names } })) as {
      keyId?: string;
    };
  }

  /** Signs what mrtool learns in the guest, as a manifest with an image description. */
  async function publishReferences(): Promise<void> {
    const read = await machine.agent.run('sh', ['-c', READ_ALL]);
    expect(read).toMatchObject({ code: 0, stderr: '' });
    const learned = await machine.agent.run('node', [MRTOOL, 'learn']);
    expect(learned).toMatchObject({ code: 0, stderr: '' });
    const developer = await testbed.metadataCa.issue({
      commonName: 'Developer',
      extendedKeyUsage: ['codeSigning'],
    });
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('learned.json'), learned.stdout);
    writeFileSync(file('developer.key'), developer.privateKeyPem, { mode: 0o600 });
    writeFileSync(file('developer.pem'), developer.chainPem);
    const signed = [
      ...['--version', 'now', '--not-after', '2099-01-01T00:00:00Z'],
      ...['--keys', file('developer.key'), '--x5cs', file('developer.pem')],
    ];
    await runTool(
      METATOOL,
      ...['create', 'manifest', '--name', 'guest', '--base-layers', 'guest', '--cert-level', '3'],
      ...['--components', file('learned.json'), ...signed],
      ...['--out', join(provisioning.metadataFolder, 'guest.json')],
    );
    await runTool(
      METATOOL,
      ...['create', 'manifest-description', '--name', 'guest.description', '--manifest', 'guest'],
      ...['--out', file('guest.description')],
    );
    await runTool(
      METATOOL,
      ...['create', 'image-description', '--name', 'guest.image'],
      ...['--add-description', file('guest.description'), ...signed],
      ...['--out', join(provisioning.metadataFolder, 'image.json')],
    );
  }

  interface Dialled {
    /** Verdict of this end on the guest. */
    readonly result?: AttestationResult;
    /** What the service says, or why there is no connection. */
    readonly answer?: unknown;
    readonly code?: string | undefined;
    readonly message?: string;
  }

  async function dial(): Promise<Dialled> {
    let verdict: { readonly result?: AttestationResult } = {};
    return await new Promise((resolve) => {
      let text = '';
      const socket = connect({
        host: '127.0.0.1',
        port: machine.servicePort ?? 0,
        servername: NAME,
        ca: provisioning.rootPem,
        ...testbed.tls.client,
        cmc: host,
        attest: 'mutual',
        requireBinding: true,
        onResult: (result) => {
          verdict = { result };
        },
      });
      socket.setEncoding('utf8');
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('end', () => resolve({ ...verdict, answer: JSON.parse(text) }));
      socket.on('error', (error: NodeJS.ErrnoException) =>
        resolve({ ...verdict, code: error.code, message: error.message }),
      );
    });
  }

  test(
    'enrols its attestation key by a credential, and is given no TLS key while nothing vouches for it',
    async () => {
      expect(await createKey()).toMatchObject({ code: 'ERR_EST_UNAUTHORIZED' });
      expect(await provisioning.methods()).toEqual(['tpm-activate']);
    },
    TEST_MS,
  );

  test(
    'gets a certificate for a TLS key of its TPM when its boot is in a signed manifest',
    async () => {
      await publishReferences();
      await guest('updateMetadata');
      const made = await createKey();
      expect(made).toEqual({ keyId: expect.any(String) });
      ({ keyId } = made);
      expect(await provisioning.methods()).toEqual(['tpm-activate', 'tpm-certify']);
      await serve();
    },
    TEST_MS,
  );

  test(
    'attests itself to the host, and the host to it, over TLS with that key',
    async () => {
      const { result, ...rest } = await dial();
      expect(rest).toEqual({
        answer: { keyProtection: 'remote', keyBinding: 'spki-v1', peer: 'success' },
      });
      expect(result?.summary.status).toBe('success');
    },
    TEST_MS,
  );

  test(
    'is refused once it runs a program that the manifest does not know, which is named',
    async () => {
      const { agent } = machine;
      await agent.write(NEW_PROGRAM, '#!/bin/sh\necho hello\n', 0o755);
      expect(await agent.run(NEW_PROGRAM, [])).toMatchObject({ code: 0, stdout: 'hello\n' });
      const { result, ...rest } = await dial();
      expect(rest).toMatchObject({ code: 'ERR_ATLS_PEER_ATTESTATION' });
      expect(result === undefined ? [] : faultsOf({ result })).toEqual([
        `Measurement 10 not-in-the-manifest ${NEW_PROGRAM}`,
      ]);
      expect(await createKey()).toMatchObject({
        code: 'ERR_EST_UNAUTHORIZED',
        message: expect.stringContaining('not-in-the-manifest'),
      });
    },
    TEST_MS,
  );

  test(
    'is refused with the same keys after a boot with another command line, which is named',
    async () => {
      const { agent } = machine;
      const packed = await agent.run('busybox', ['tar', '-cf', STATE, '-C', '/tmp', 'cmcd']);
      expect(packed).toMatchObject({ code: 0 });
      const state = await agent.read(STATE);
      await machine.stop();
      await boot(`${IMA} quiet`);
      await machine.agent.write(STATE, state, 0o600);
      const unpacked = await machine.agent.run('busybox', ['tar', '-xf', STATE, '-C', '/tmp']);
      expect(unpacked).toMatchObject({ code: 0 });
      await startDaemon();
      await serve();
      const { result, ...rest } = await dial();
      expect(rest).toMatchObject({ code: 'ERR_ATLS_PEER_ATTESTATION' });
      expect(result === undefined ? [] : faultsOf({ result })).toEqual([
        'Measurement 9 EV_EVENT_TAG',
        'Measurement 10 boot_aggregate boot_aggregate',
        'TPM 9 EV_EVENT_TAG',
      ]);
      expect(await provisioning.methods()).toHaveLength(2);
    },
    PREPARE_MS,
  );
});
