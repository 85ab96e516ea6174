import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toHex } from '@cmc/bytes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSevGuestSource, type NativeSevGuest } from '../src/index.ts';
import { certificateTable, reportOver, vectorReport } from './support/vectors.ts';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const addon = here(`../prebuilds/${process.platform}-${process.arch}/driver-snp.node`);

/** The addon and a C compiler, for the device that stands in. */
function isMissing(): boolean {
  const missing = existsSync(addon) ? '' : `${addon} (npm run native)`;
  if (missing === '' && process.platform === 'linux') return false;
  if (process.env['CI'] !== undefined) throw new Error(`missing: ${missing}`);
  console.warn(`skipped, missing: ${missing}`);
  return true;
}

describe.skipIf(isMissing())('the addon, with a device that stands in', () => {
  const report = vectorReport('milan-v3-tav');
  const table = certificateTable({ VCEK: new Uint8Array(5000).fill(9) });
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-sev-'));
    const source = here('./support/fake-device.c');
    execFileSync('gcc', ['-shared', '-fPIC', '-o', join(folder, 'fake.so'), source, '-ldl']);
    writeFileSync(join(folder, 'report'), report);
    writeFileSync(join(folder, 'table'), table);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function ask(
    fault = '',
    files: { readonly table?: boolean } = {},
    vmpl = 0,
  ): Promise<Record<string, unknown>> {
    const { stdout } = await run(
      process.execPath,
      [here('./support/ask-device.mjs'), 'x', String(vmpl)],
      {
        env: {
          LD_PRELOAD: join(folder, 'fake.so'),
          FAKE_SEV: fault,
          FAKE_SEV_REPORT: join(folder, 'report'),
          ...(files.table === false ? {} : { FAKE_SEV_TABLE: join(folder, 'table') }),
        },
      },
    );
    return JSON.parse(stdout);
  }
  const expected = (vmpl = 0): string =>
    toHex(reportOver(report, new Uint8Array(64).fill('x'.charCodeAt(0)), vmpl));

  test('gets a report and the certificates, whose length the kernel tells first', async () => {
    const { report: got, certificates } = await ask();
    expect(got).toBe(expected());
    // Whole pages come.
    expect(String(certificates)).toHaveLength(2 * 8192);
    expect(String(certificates).startsWith(toHex(table))).toBe(true);
  });

  test('gets a report without certificates, and of another level', async () => {
    expect(await ask('', { table: false }, 3)).toEqual({ report: expected(3), certificates: '' });
  });

  test('asks again while the host is busy', async () => {
    expect(await ask('busy', { table: false })).toMatchObject({ report: expected() });
  });

  test('says what the firmware refused', async () => {
    expect(await ask('firmware')).toMatchObject({ code: 'ERR_SNP_FIRMWARE', firmwareError: 0x16 });
    expect(await ask('status')).toMatchObject({ code: 'ERR_SNP_FIRMWARE', firmwareError: 0x27 });
  });

  test('takes no report of another size', async () => {
    expect(await ask('size')).toMatchObject({ code: 'ERR_SNP_REPORT' });
  });

  test('does not believe a length of certificates without end', async () => {
    expect(await ask('endless')).toMatchObject({ code: 'ERR_SNP_UNAVAILABLE' });
  });

  test('says that a device is none', async () => {
    const outcome = await ask('notty');
    expect(outcome).toMatchObject({ code: 'ERR_SNP_UNAVAILABLE' });
    expect(String(outcome['message'])).toContain('ENOTTY');
  });

  test('without a device says which is missing', async () => {
    const source = createSevGuestSource('/nowhere/sev-guest');
    await expect(source.report(new Uint8Array(64), 0)).rejects.toMatchObject({
      code: 'ERR_SNP_UNAVAILABLE',
      message: expect.stringContaining('/nowhere/sev-guest: open failed with ENOENT'),
    });
  });
});

/** A host that is always busy. */
function busyGuest(): NativeSevGuest & { readonly asked: () => number } {
  let asked = 0;
  return {
    getReport: async () => {
      asked += 1;
      return { failed: 'ioctl', errno: 11, firmwareError: 0, vmmError: 2 };
    },
    asked: () => asked,
  };
}

test('gives up when the host stays busy', async () => {
  const native = busyGuest();
  const source = createSevGuestSource('/dev/fake', native);
  await expect(source.report(new Uint8Array(64), 0)).rejects.toMatchObject({
    code: 'ERR_SNP_UNAVAILABLE',
  });
  expect(native.asked()).toBe(8);
}, 10_000);

test('does not ask when its caller has given up before', async () => {
  const native = busyGuest();
  const signal = AbortSignal.abort();
  const answer = createSevGuestSource('/dev/fake', native).report(new Uint8Array(64), 0, {
    signal,
  });
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
  expect(native.asked()).toBe(0);
});
