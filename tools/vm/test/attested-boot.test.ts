import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AttestationResult, verify } from '@cmc/attestationreport';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { connect, createServer } from '@cmc/attested-tls';
import { fromHex, toHex } from '@cmc/bytes';
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
  type TpmState,
} from '../src/index.ts';
import { faultsOf } from './support/attester.ts';
import { type Provisioning, runTool, startProvisioning } from './support/provisioning.ts';
import { isMissing } from './support/requirements.ts';

const PREPARE_MS = 300_000;
const TEST_MS = 120_000;
const IMA = 'ima_policy=tcb ima_hash=sha256 ima_template=ima-ng';
const NAME = 'guest.test';
const SERVICE_PORT = 8443;
const MRTOOL = '/app/node_modules/@cmc/mrtool/dist/main.js';
const METATOOL = fileURLToPath(new URL('../../metatool/dist/main.js', import.meta.url));
/** Modules are loaded when they are needed, so what was run until now is not all that may run. */
const READ_ALL =
  "busybox find /app -name '*.js' -o -name '*.mjs' -o -name '*.cjs' -o -name '*.json' -o -name '*.node' | busybox xargs busybox cat > /dev/null";
const STATE = '/tmp/state.tar';
const IMA_LIST = '/sys/kernel/security/ima/binary_runtime_measurements';
/** Of a file system whose files are not measured. */
const SHORTER_LIST = '/tmp/shorter-list';
/** The host, as the guest reaches it. */
const HOST = '10.0.2.2';
const NEW_PROGRAM = '/data/not-in-the-manifest';

/** The guest is accepted for what its TPM says, with a key that the provisioning server knows. */
const ANCHORED = [
  {
    type: 'TPM Result',
    status: 'success',
    attestationKey: `${NAME} TPM AK`,
    quote: 'success',
  },
];

function anchorsOf(result: AttestationResult | undefined): unknown {
  return result?.measurements?.map(({ type, summary, signature, tpmResult }) => ({
    type,
    status: summary.status,
    attestationKey: signature.certs?.[0]?.[0]?.subject.commonName,
    quote: tpmResult?.aggPcrQuoteMatch.status,
  }));
}

describe.skipIf(await isMissing())('cmcd in a machine that measures', () => {
  let folder = '';
  let options: MachineOptions;
  let machine: Machine;
  let testbed: Testbed;
  let provisioning: Provisioning;
  let host: LocalCmc;
  let keyId: string | undefined;
  /** What the daemon of the first boot has stored. */
  let state: Uint8Array;

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
      metadataRoots: roots(),
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

  async function boot(commandLine: string, other: { tpm?: TpmState } = {}): Promise<void> {
    machine = await startMachine({ ...options, ...other, commandLine, reachesHost: true });
    console.log(`up after ${Math.round(machine.bootMs)} ms`);
  }

  function roots(): readonly Certificate[] {
    return [...testbed.metadataRoots, ...parsePemCertificates(provisioning.rootPem)];
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

  async function packState(): Promise<Uint8Array> {
    const packed = await machine.agent.run('busybox', ['tar', '-cf', STATE, '-C', '/tmp', 'cmcd']);
    expect(packed).toMatchObject({ code: 0 });
    return await machine.agent.read(STATE);
  }

  async function unpackState(): Promise<void> {
    await machine.agent.write(STATE, state, 0o600);
    const unpacked = await machine.agent.run('busybox', ['tar', '-xf', STATE, '-C', '/tmp']);
    expect(unpacked).toMatchObject({ code: 0 });
  }

  /** The verdict on a report of the guest, or why it makes none. */
  async function attest(): Promise<{ status?: string; code?: string; message?: string }> {
    const nonce = new Uint8Array(randomBytes(32));
    const made = (await guest('report', { nonce: toHex(nonce) })) as {
      report?: string;
      code?: string;
      message?: string;
    };
    const { report, ...rest } = made;
    if (report === undefined) return rest;
    const { result } = await verify(fromHex(report), { nonce, metadataRoots: roots() });
    return { status: result.summary.status };
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

  interface Called {
    /** Verdict of this end on the guest. */
    readonly result?: AttestationResult;
    /** What the guest saw. */
    readonly guest: unknown;
  }

  /** Serves on the host, and has the guest connect. */
  async function beCalled(): Promise<Called> {
    let verdict: { readonly result?: AttestationResult } = {};
    const options = {
      ...testbed.tls.server,
      ca: provisioning.rootPem,
      mtls: true,
      cmc: host,
      attest: 'mutual' as const,
      requireBinding: true,
      onResult: (result: AttestationResult) => {
        verdict = { result };
      },
    };
    const server = createServer(options, (socket) => socket.end(JSON.stringify('hello')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const where = { host: HOST, port, servername: 'localhost' };
      const called = await guest('dial', { ...where, keyId, ca: testbed.tls.ca });
      return { ...verdict, guest: called };
    } finally {
      server.close();
    }
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
    'attests itself to the host, and the host to it, over TLS with that key, as server and as client',
    async () => {
      const seen = { keyProtection: 'remote', keyBinding: 'spki-v1', peer: 'success' };
      const { result, ...rest } = await dial();
      expect(rest).toEqual({ answer: seen });
      expect(anchorsOf(result)).toEqual(ANCHORED);

      const called = await beCalled();
      expect(called.guest).toEqual({ ...seen, answer: 'hello' });
      expect(anchorsOf(called.result)).toEqual(ANCHORED);
    },
    TEST_MS,
  );

  test(
    'is refused once it runs a program that the manifest does not know, which is named',
    async () => {
      const { agent } = machine;
      await agent.write(SHORTER_LIST, await agent.read(IMA_LIST), 0o600);
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
    'is refused when it hides that program from the list of files, and tells that PCR 10 is another',
    async () => {
      const { agent } = machine;
      const hidden = await agent.run('busybox', ['mount', '--bind', SHORTER_LIST, IMA_LIST]);
      expect(hidden).toMatchObject({ code: 0, stderr: '' });
      const hides = await agent.read(IMA_LIST);
      expect(Buffer.from(hides).includes(NEW_PROGRAM)).toBe(false);
      await guest('stopDaemon');
      await guest('startDaemon', { config: '/tmp/cmcd.json' });
      const { result, ...rest } = await dial();
      expect(rest).toMatchObject({ code: 'ERR_ATLS_PEER_ATTESTATION' });
      // The quote is over all PCRs at once: which of them it is, only the guest knows, and says.
      const [{ tpmResult } = {}] = result?.measurements ?? [];
      expect(tpmResult?.aggPcrQuoteMatch.status).toBe('fail');
      expect(result === undefined ? [] : faultsOf({ result })).toEqual([]);
      expect(await machine.serial()).toContain(
        'the logs do not give the values of all PCRs pcrs=[10]',
      );
    },
    TEST_MS,
  );

  test(
    'is refused with the same keys after a boot with another command line, which is named',
    async () => {
      state = await packState();
      await machine.stop();
      await boot(`${IMA} quiet`);
      await unpackState();
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

  test(
    'cannot attest itself with its disk and another TPM until the server forgets its name',
    async () => {
      const other = join(folder, 'other');
      const replaced = await manufactureTpm(other);
      // It is as genuine as the first.
      await provisioning.trust(replaced);
      await machine.stop();
      await boot(IMA, { tpm: replaced });
      await unpackState();
      await startDaemon();
      expect(await attest()).toMatchObject({
        code: 'ERR_EST_UNAUTHORIZED',
        message: expect.stringContaining('is registered with other keys'),
      });
      expect(await guest('sign', { keyId })).toMatchObject({
        code: 'ERR_TPM_RESPONSE',
        message: expect.stringContaining('TPM_RC_INTEGRITY'),
      });
      expect(await provisioning.methods()).toHaveLength(2);
      await provisioning.forget(NAME);
      expect(await attest()).toEqual({ status: 'success' });
      expect(await provisioning.methods()).toEqual(['tpm-activate', 'tpm-activate', 'tpm-certify']);
    },
    PREPARE_MS,
  );
});
