import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BUILD_TIMEOUT_MS, writeMetadata } from '@cmc/testbed';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Check } from '../src/doctor/check.ts';
import { clockCheck } from '../src/doctor/clock.ts';
import { machineChecks } from '../src/doctor/machine.ts';
import { metadataChecks } from '../src/doctor/metadata.ts';
import { parseOutput } from './outputs.ts';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

const TPM = 'dev/tpmrm0';
const VERSION = 'sys/class/tpm/tpm0/tpm_version_major';
const BOOT_LOG = 'sys/kernel/security/tpm0/binary_bios_measurements';
const IMA = 'sys/kernel/security/ima/binary_runtime_measurements';
const RELEASE = 'proc/sys/kernel/osrelease';

/** What doctor says about a machine that has these files. */
async function machine(files: Readonly<Record<string, string>>): Promise<Map<string, Check>> {
  const root = mkdtempSync(join(tmpdir(), 'cmcctl-doctor-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return new Map((await machineChecks(root)).map((check) => [check.id, check]));
}

function stateOf(checks: ReadonlyMap<string, Check>): Record<string, string> {
  return Object.fromEntries([...checks].map(([id, { state }]) => [id, state]));
}

describe('the machine', () => {
  test('with nothing lacks nothing that it must have', async () => {
    const checks = await machine({});
    expect(stateOf(checks)).toEqual({
      node: 'ok',
      kernel: 'absent',
      tpm: 'absent',
      'ima-log': 'absent',
      snp: 'absent',
    });
    for (const { state, remedy } of checks.values()) {
      expect(state === 'ok' || remedy !== undefined).toBe(true);
    }
  });

  test('with TPM, logs and SEV-SNP is ready', async () => {
    const checks = await machine({
      [TPM]: '',
      [VERSION]: '2\n',
      [BOOT_LOG]: 'x',
      [IMA]: 'x',
      [RELEASE]: '6.8.0\n',
      'sys/kernel/config/tsm/report/x': '',
      'dev/sev-guest': '',
    });
    expect(new Set(Object.values(stateOf(checks)))).toEqual(new Set(['ok']));
    expect(checks.get('kernel')?.text).toBe('kernel 6.8.0');
  });

  test('with a TPM whose boot log is missing has a problem', async () => {
    const checks = await machine({ [TPM]: '', [VERSION]: '2\n' });
    expect(checks.get('boot-log')).toMatchObject({ state: 'problem' });
    expect(checks.get('boot-log')?.remedy).toMatch(/securityfs/);
  });

  test('with an old kernel is warned about', async () => {
    const kernel = async (release: string) => (await machine({ [RELEASE]: release })).get('kernel');
    expect(await kernel('4.12.0')).toMatchObject({ state: 'ok' });
    expect(await kernel('4.9.320')).toMatchObject({ state: 'warning' });
  });

  test('with a TPM 1.2, or one without resource manager, has a problem', async () => {
    expect((await machine({ [TPM]: '', [VERSION]: '1\n' })).get('tpm')?.state).toBe('problem');
    const without = await machine({ [VERSION]: '2\n' });
    expect(without.get('tpm')).toMatchObject({
      state: 'problem',
      text: expect.stringMatching(/tpmrm0/),
    });
  });

  test('with the folder of SEV-SNP reports, and nothing that gives them, is no guest', async () => {
    const checks = await machine({ 'sys/kernel/config/tsm/report/x': '', [RELEASE]: '6.8.0' });
    expect(checks.get('snp')).toMatchObject({
      state: 'absent',
      remedy: expect.stringMatching(/modprobe sev-guest/),
    });
  });

  test('tells old kernels from new ones where SEV-SNP has the device only', async () => {
    const at = async (release: string): Promise<string | undefined> => {
      const checks = await machine({ 'dev/sev-guest': '', [RELEASE]: release });
      return checks.get('snp')?.remedy;
    };
    expect(await at('6.6.9')).toMatch(/kernels from 6\.7 on/);
    expect(await at('6.12.0')).toMatch(/mount -t configfs/);
  });
});

describe('the clock', () => {
  async function serve(date: string | undefined): Promise<string> {
    const server = createServer((_, response) => {
      response.sendDate = false;
      if (date !== undefined) response.setHeader('date', date);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const shifted = (seconds: number) => serve(new Date(Date.now() + seconds * 1000).toUTCString());

  test('is compared with a server', async () => {
    expect(await clockCheck(await shifted(0))).toMatchObject({ state: 'ok' });
    const days = await clockCheck(await shifted(3 * 86_400));
    expect(days).toMatchObject({ state: 'problem' });
    expect(days.text).toMatch(/^the clock is 25(9199|9200|9201) s behind http/);
    expect(await clockCheck(await shifted(-30))).toMatchObject({ state: 'warning' });
  });

  test('stays unknown when the server does not tell or answer', async () => {
    expect(await clockCheck(await serve(undefined))).toMatchObject({ state: 'warning' });
    expect(await clockCheck('http://127.0.0.1:1')).toMatchObject({ state: 'warning' });
    await expect(clockCheck('ntp://x')).rejects.toMatchObject({ code: 'ERR_USAGE' });
  });
});

describe('the metadata', () => {
  test('is warned about before it expires', async () => {
    const { folder, testbed } = await createSite();
    const party = await testbed.party('prover');
    await writeMetadata(join(folder, 'metadata'), party);
    const at = async (days: number): Promise<Set<string>> => {
      const checks = await metadataChecks([`file://${join(folder, 'metadata')}`], {
        now: new Date(Date.now() + days * 86_400_000),
        signal: AbortSignal.timeout(10_000),
      });
      expect(checks).toHaveLength(3);
      return new Set(checks.map(({ state }) => state));
    };
    expect(await at(0)).toEqual(new Set(['ok']));
    expect(await at(25)).toEqual(new Set(['warning']));
    expect(await at(31)).toEqual(new Set(['problem']));
    expect(await at(-3)).toEqual(new Set(['problem']));
  });

  test('that cannot be loaded, or is not there, is a problem', async () => {
    const { folder } = await createSite();
    mkdirSync(join(folder, 'empty'));
    for (const name of ['empty', 'nowhere']) {
      const checks = await metadataChecks([`file://${join(folder, name)}`], {
        now: new Date(),
        signal: AbortSignal.timeout(10_000),
      });
      expect(checks.map(({ state }) => state)).toEqual(['problem']);
    }
  });
});

describe('doctor', () => {
  test('finds a daemon that is there, and exits with 1 when it is not', async () => {
    const site = await createSite();
    const { address } = await site.startDaemon('prover');
    const run = async (...flags: string[]) => {
      const { code, stdout } = await site.cmcctl('doctor', '--json', ...flags);
      const { healthy, checks } = parseOutput('doctor', stdout);
      expect(code).toBe(healthy ? 0 : 1);
      return checks.find(({ id }) => id === 'daemon');
    };
    expect(await run('--cmc-addr', address)).toMatchObject({
      state: 'ok',
      text: expect.stringMatching(/1\.4\.0/),
    });
    const nobody = await run('--cmc-addr', 'unix:///nowhere/cmcd.sock');
    expect(nobody).toMatchObject({ state: 'problem', remedy: expect.stringMatching(/start cmcd/) });
  });

  test('says what to do, for people', async () => {
    const site = await createSite();
    writeFileSync(join(site.folder, 'log.json'), 'broken');
    const flags = ['--container-log', 'log.json', '--cmc-addr', 'unix:///nowhere/cmcd.sock'];
    const { code, stdout } = await site.cmcctl('doctor', ...flags);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {7}node {10}/m);
    expect(stdout).toMatch(
      /^problem {2}container-log log\.json: ERR_.*\n {23}to do: let the user/m,
    );
  });
});
