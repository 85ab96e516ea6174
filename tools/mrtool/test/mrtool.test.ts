import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vectorsDir } from '@cmc/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { syntheticFirmware } from './support/synthetic-firmware.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SNP = ['precompute', 'snp', '--ovmf', 'ovmf.fd'];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cmc-mrtool-'));
  writeFileSync(join(folder, 'ovmf.fd'), syntheticFirmware());
  writeFileSync(join(folder, 'kernel'), 'kernel bytes');
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function mrtool(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('mrtool precompute snp', () => {
  test('prints a reference component for a manifest', async () => {
    const run = await mrtool(...SNP, '--vcpus', '2', '--vcpu-type', 'EPYC-v4', '--name', 'guest');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(run.stdout)).toEqual([
      {
        type: 'firmware',
        name: 'guest',
        hashes: [{ alg: 'SHA-384', content: expect.stringMatching(/^[0-9a-f]{96}$/) }],
        properties: [{ name: 'cmc.ta', value: 'SNP' }],
      },
    ]);
  });

  test('writes the bare measurement to a file, however the processor is named', async () => {
    const ways = [
      ['--vcpu-type', 'EPYC-Milan'],
      ['--vcpu-sig', '0xa00f11'],
      ['--vcpu-family', '25', '--vcpu-model', '1', '--vcpu-stepping', '1'],
    ];
    const results = [];
    for (const way of ways) {
      const out = ['--format', 'hex', '--out', 'measurement'];
      const kernel = ['--kernel', 'kernel', '--append', 'quiet'];
      expect(await mrtool(...SNP, '--vcpus', '1', ...way, ...kernel, ...out)).toMatchObject({
        code: 0,
        stdout: '',
      });
      results.push(readFileSync(join(folder, 'measurement'), 'utf8'));
    }
    expect(results[0]).toMatch(/^[0-9a-f]{96}\n$/);
    expect(new Set(results).size).toBe(1);
  });

  test.each([
    ['no processor', ['--vcpus', '1']],
    ['two processors', ['--vcpus', '1', '--vcpu-type', 'EPYC', '--vcpu-sig', '1']],
    ['half a processor', ['--vcpus', '1', '--vcpu-family', '25']],
    ['an unknown processor', ['--vcpus', '1', '--vcpu-type', '486']],
    ['no number', ['--vcpus', 'two', '--vcpu-type', 'EPYC']],
    ['a command line without a kernel', ['--vcpus', '1', '--vcpu-type', 'EPYC', '--append', 'x']],
    ['a kernel that is missing', ['--vcpus', '1', '--vcpu-type', 'EPYC', '--kernel', 'none']],
    ['an unknown flag', ['--vcpus', '1', '--vcpu-type', 'EPYC', '--kernl', 'x']],
  ])('with %s exits with 2 and says why', async (_, args) => {
    const run = await mrtool(...SNP, ...args);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).not.toBe('');
  });

  test('with a firmware that is none exits with 2', async () => {
    const args = ['precompute', 'snp', '--ovmf', 'kernel', '--vcpus', '1', '--vcpu-type', 'EPYC'];
    const run = await mrtool(...args);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('ERR_MR_FIRMWARE');
  });
});

describe('mrtool parse, read and learn', () => {
  const log = join(vectorsDir(), 'vm-ovmf', 'eventlog.bin');
  const list = join(vectorsDir(), 'vm-ovmf', 'ima-2.bin');

  test('tpm prints the components of a log', async () => {
    const run = await mrtool('parse', 'tpm', log, '--pcrs', '4,9', '--bank', 'sha384');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const components = JSON.parse(run.stdout) as { hashes: { alg: string }[] }[];
    expect(components).toHaveLength(7);
    expect(components.flatMap(({ hashes }) => hashes.map(({ alg }) => alg))).toEqual(
      components.map(() => 'SHA-384'),
    );
  });

  test('ima writes the components of a list, and says what is none', async () => {
    const run = await mrtool('parse', 'ima', list, '--out', 'ima.json');
    expect(run).toMatchObject({ code: 0, stdout: '' });
    expect(run.stderr).toContain('"/data/busy.log", is a violation');
    const components = JSON.parse(readFileSync(join(folder, 'ima.json'), 'utf8')) as unknown[];
    expect(components).toHaveLength(43);
  });

  test.each([
    ['an unknown bank', ['parse', 'tpm', log, '--bank', 'md5']],
    ['a bank that the log does not have', ['parse', 'tpm', log, '--bank', 'sha512']],
    ['a PCR that there is not', ['parse', 'tpm', log, '--pcrs', '0-24']],
    ['PCRs backwards', ['parse', 'ima', list, '--pcrs', '7-1']],
    ['a log that is none', ['parse', 'tpm', list]],
    ['a list that is none', ['parse', 'ima', log]],
    ['no log', ['parse', 'tpm']],
    ['a log that is missing', ['parse', 'tpm', 'none']],
    ['a TPM that is missing', ['read', 'tpm', '--device', 'none']],
    ['a machine without a TPM', ['learn', '--device', 'none']],
  ])('with %s exits with 2 and says why', async (_, args) => {
    const run = await mrtool(...args);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).not.toBe('');
  });
});
