import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verify } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { createTestbed, type Testbed } from '@cmc/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildApplication,
  buildInitrd,
  type Machine,
  manufactureTpm,
  type Outcome,
  prepareKernel,
  startMachine,
  systemdImage,
} from '../src/index.ts';
import { type Provisioning, startProvisioning } from './support/provisioning.ts';
import { isMissing } from './support/requirements.ts';

const PREPARE_MS = 300_000;
const TEST_MS = 240_000;
/** Less on the console is faster. */
const COMMAND_LINE =
  'ima_policy=tcb ima_hash=sha256 ima_template=ima-ng quiet systemd.show_status=no';
/** Of the image; the daemon is named for it. */
const NAME = 'guest.test';
const GUIDE = fileURLToPath(new URL('../../../docs/guides/systemd.md', import.meta.url));
const PROGRAMS = { cmcd: '@cmc/cmcd/dist/main.js', cmcctl: '@cmc/cmcctl/dist/main.js' };
const WORK = '/srv/alice';
/** What the prompt of root has: all programs. */
const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', HOME: WORK };
const ALICE = ['--reuid', 'alice', '--regid', 'alice', '--init-groups'];
const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];
const IMA_PCR = 10;
const SYSTEMD = '/usr/lib/systemd/systemd';

describe.skipIf(await isMissing())('the guide for systemd, on a machine with a TPM', () => {
  let folder = '';
  let machine: Machine;
  let testbed: Testbed;
  let provisioning: Provisioning;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-vm-systemd-'));
    const kernel = await prepareKernel();
    const [initrd, application] = [join(folder, 'initrd'), join(folder, 'application')];
    await buildInitrd(kernel, initrd);
    await buildApplication(['@cmc/cmcd', '@cmc/cmcctl'], application);
    const tpm = await manufactureTpm(folder);
    testbed = await createTestbed();
    const metadataCa = join(folder, 'metadata-ca.pem');
    writeFileSync(metadataCa, testbed.metadataCa.pem);
    provisioning = await startProvisioning(folder, tpm, metadataCa, NAME);
    const root = await systemdImage(PROGRAMS);
    const options = { kernel: kernel.image, initrd, root, application, tpm };
    machine = await startMachine({ ...options, commandLine: COMMAND_LINE, reachesHost: true });
    console.log(`up after ${Math.round(machine.bootMs)} ms`);
    await prepareFiles();
  }, PREPARE_MS);

  afterAll(async () => {
    await machine?.stop();
    await provisioning?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the reader has: a user, the CA of the metadata, and metadata. */
  async function prepareFiles(): Promise<void> {
    const made = await root(
      `useradd --base-dir /srv --create-home alice; mkdir ${WORK}/metadata`,
      '/',
    );
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const { metadata } = await testbed.party('guest');
    await machine.agent.write(`${WORK}/ca.pem`, testbed.metadataCa.pem, 0o644);
    for (const [i, item] of metadata.entries()) {
      await machine.agent.write(`${WORK}/metadata/${i}.json`, item, 0o644);
    }
  }

  async function root(text: string, cwd = WORK): Promise<Outcome> {
    return await machine.agent.run('bash', ['-ec', `cd ${cwd}\n${text}`], { env });
  }

  /** The commands or settings in the block that begins so. */
  function block(kind: 'json' | 'sh', start: string): string {
    const blocks = readFileSync(GUIDE, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
    const found = [...blocks].find(([, info, text]) => info === kind && text?.startsWith(start));
    if (found?.[2] === undefined) throw new Error(`${GUIDE}: no block ${kind} ${start}`);
    return found[2];
  }

  async function journal(): Promise<readonly string[]> {
    const { stdout } = await root('journalctl --unit cmcd --output cat --no-pager');
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line).message);
  }

  /** Adds what the guide says about a TPM, with the server of this test. */
  async function addTpmSettings(): Promise<void> {
    const file = '/etc/cmc/cmcd.json';
    const settings = JSON.parse(Buffer.from(await machine.agent.read(file)).toString());
    const ofTpm = JSON.parse(block('json', '{\n  "drivers": ["tpm"]'));
    expect(ofTpm).toEqual({ drivers: ['tpm'], endorsementAddr: expect.any(String) });
    const { rootCas } = settings;
    const changed = {
      ...settings,
      ...ofTpm,
      endorsementAddr: provisioning.url,
      rootCas: [...rootCas, '/etc/cmc/server.pem'],
    };
    await machine.agent.write('/etc/cmc/server.pem', provisioning.rootPem, 0o644);
    await machine.agent.write(file, JSON.stringify(changed), 0o644);
  }

  test(
    'installs a unit in which systemd finds no fault, and settings',
    async () => {
      expect(await root(block('sh', 'useradd'))).toMatchObject({ code: 0, stderr: '' });
      expect(await root(block('sh', 'install -d'))).toMatchObject({ code: 0, stderr: '' });
      await addTpmSettings();
      expect(await root(block('sh', 'install -D'))).toMatchObject({ code: 0, stderr: '' });
    },
    TEST_MS,
  );

  test(
    'starts the daemon, which is no root and has no capability',
    async () => {
      const started = await root(block('sh', 'systemctl daemon-reload'));
      expect(started).toMatchObject({ code: 0 });
      expect(started.stdout).toContain('Active: active (running)');
      // What doctor says; root can do everything, so device and logs are the daemon's matter.
      expect(started.stdout).toMatch(/^ok +daemon /m);
      expect(await journal()).toEqual(
        expect.arrayContaining(['metadata loaded', 'listening', 'ready']),
      );
      const status = await root('cat /proc/$(systemctl show -P MainPID cmcd)/status');
      const user = await root('id -u cmc');
      expect(status.stdout).toContain(`Uid:\t${user.stdout.trim()}\t`);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        expect(status.stdout).toContain(`${set}:\t0000000000000000\n`);
      }
      expect(status.stdout).toContain('NoNewPrivs:\t1\n');
      expect(status.stdout).toContain('Seccomp:\t2\n');
    },
    TEST_MS,
  );

  test(
    'lets a member of its group have reports, which quote the TPM and have both logs',
    async () => {
      expect(await root(block('sh', 'usermod'))).toMatchObject({ code: 0, stderr: '' });
      const commands = `cd ${WORK}\n${block('sh', 'cmcctl generate')}`;
      const made = await machine.agent.run('setpriv', [...ALICE, 'bash', '-ec', commands], { env });
      // Made, and refused, as the guide says.
      expect(made).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^Report of .*refused/s),
      });
      const report = await machine.agent.read(`${WORK}/report.cbor`);
      const nonce = await machine.agent.read(`${WORK}/nonce.bin`);
      const metadataRoots = parsePemCertificates(
        `${testbed.metadataCa.pem}\n${provisioning.rootPem}`,
      );
      const { result } = await verify(report, { nonce, metadataRoots });
      const [{ type, freshness, signature, tpmResult, artifacts = [] } = {}] =
        result.measurements ?? [];
      expect(type).toBe('TPM Result');
      expect(freshness?.status).toBe('success');
      expect(signature?.signatureVerification.status).toBe('success');
      expect(signature?.certChainValidation.status).toBe('success');
      expect(signature?.certs?.[0]?.[0]?.subject.commonName).toBe(`${NAME} TPM AK`);
      // The events of the logs give the values that were quoted.
      expect(tpmResult?.aggPcrQuoteMatch.status).toBe('success');
      const measured = artifacts.filter(({ type: kind }) => kind === 'Measurement');
      expect(new Set(measured.map(({ index }) => index))).toEqual(
        expect.toSatisfy((pcrs: Set<number>) =>
          [...FIRMWARE_PCRS, IMA_PCR].every((pcr) => pcrs.has(pcr)),
        ),
      );
      expect(measured).toContainEqual(
        expect.objectContaining({ index: IMA_PCR, description: SYSTEMD }),
      );
      expect(await journal()).not.toContain('the logs do not give the values of all PCRs');
    },
    TEST_MS,
  );

  test(
    'reads metadata anew, starts anew with the same attestation key, and stops',
    async () => {
      const renewed = await root(block('sh', 'systemctl reload'));
      expect(renewed).toMatchObject({ code: 0, stdout: 'active\n' });
      const security = await root(block('sh', 'systemd-analyze security'));
      expect(
        Number(/exposure level for cmcd.service: ([\d.]+)/.exec(security.stdout)?.[1]),
      ).toBeLessThan(2);
      const again = await root('cmcctl generate --report again.cbor --nonce again.bin');
      expect(again).toMatchObject({ code: 0, stderr: '' });
      expect(await provisioning.methods()).toEqual(['tpm-activate']);
      const messages = await journal();
      expect(messages.filter((message) => message === 'ready')).toHaveLength(2);
      expect(
        messages.filter((message) => message === 'the attestation key has new certificates'),
      ).toHaveLength(1);
      const stopped = await root(
        'systemctl stop cmcd; systemctl show -P Result -P ExecMainStatus -P ActiveState cmcd',
      );
      expect(stopped).toMatchObject({ code: 0, stdout: 'success\n0\ninactive\n' });
    },
    TEST_MS,
  );
});
