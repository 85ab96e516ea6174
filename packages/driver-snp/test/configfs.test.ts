import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createConfigfsSource, openReportSource, type RawReport } from '../src/index.ts';
import { errno, FakeKernel, type FakeKernelOptions } from './support/fake-kernel.ts';
import { reportOver, vectorReport } from './support/vectors.ts';

const report = vectorReport('milan-v3-tav');
const data = new Uint8Array(64).fill(7);

function ask(
  options: Partial<FakeKernelOptions> = {},
  vmpl = 0,
): { readonly kernel: FakeKernel; readonly answer: Promise<RawReport> } {
  const kernel = new FakeKernel({ report, ...options });
  return { kernel, answer: createConfigfsSource('/fake', kernel).report(data, vmpl) };
}

test('gives the report over the data, at the level, with the certificates of the host', async () => {
  const auxblob = new Uint8Array(100);
  const { kernel, answer } = ask({ auxblob }, 2);
  expect(await answer).toEqual({ report: reportOver(report, data, 2), certificates: auxblob });
  expect(kernel.entries.size).toBe(0);
});

test('does without certificates where the kernel has none', async () => {
  expect((await ask().answer).certificates).toEqual(new Uint8Array());
});

test('cuts off what follows the report', async () => {
  const longer = new Uint8Array([...report, 1, 2, 3]);
  expect((await ask({ report: longer }).answer).report).toHaveLength(1184);
});

test('asks again when somebody wrote to its entry meanwhile, and does not take that report', async () => {
  let reads = 0;
  const { kernel, answer } = ask({
    before: (operation, name, fake) => {
      if (operation === 'read' && name === 'outblob' && ++reads < 3) fake.disturb();
    },
  });
  expect((await answer).report).toEqual(reportOver(report, data));
  expect(kernel.requests).toBe(3);
  expect(kernel.entries.size).toBe(0);
});

test.each(['EBUSY', 'EAGAIN', 'EINTR'])('asks again after %s', async (code) => {
  let tries = 0;
  const { kernel, answer } = ask({
    before: (operation, name) => {
      if (operation === 'read' && name === 'outblob' && ++tries < 3) throw errno(code);
    },
  });
  expect((await answer).report).toEqual(reportOver(report, data));
  expect(kernel.entries.size).toBe(0);
});

test('gives up when it stays busy, and leaves no entry behind', async () => {
  const before: FakeKernelOptions['before'] = (_, name) => {
    if (name === 'outblob') throw errno('EBUSY');
  };
  const { kernel, answer } = ask({ before });
  await expect(answer).rejects.toMatchObject({ code: 'ERR_SNP_UNAVAILABLE' });
  expect(kernel.entries.size).toBe(0);
}, 10_000);

test.each([
  ['EIO', 'outblob', 'ERR_SNP_FIRMWARE'],
  ['EINVAL', 'outblob', 'ERR_SNP_FIRMWARE'],
  ['EACCES', 'inblob', 'ERR_SNP_UNAVAILABLE'],
  ['ENXIO', 'provider', 'ERR_SNP_UNAVAILABLE'],
])('%s at %s is %s, and leaves no entry behind', async (code, file, expected) => {
  const { kernel, answer } = ask({
    before: (_, name) => {
      if (name === file) throw errno(code);
    },
  });
  await expect(answer).rejects.toMatchObject({ code: expected });
  expect(kernel.entries.size).toBe(0);
});

test('no entry can be made where no provider is', async () => {
  const { answer } = ask({
    before: (operation) => {
      if (operation === 'mkdir') throw errno('ENXIO');
    },
  });
  await expect(answer).rejects.toMatchObject({ code: 'ERR_SNP_UNAVAILABLE' });
});

test('refuses the reports of another technology, and those that are too short', async () => {
  await expect(ask({ provider: 'tdx_guest' }).answer).rejects.toMatchObject({
    code: 'ERR_SNP_UNAVAILABLE',
  });
  await expect(ask({ report: report.subarray(0, 1000) }).answer).rejects.toMatchObject({
    code: 'ERR_SNP_REPORT',
  });
});

test('refuses more certificates than it wants to read', async () => {
  await expect(ask({ auxblob: new Uint8Array(300_000) }).answer).rejects.toMatchObject({
    code: 'ERR_SNP_REPORT',
  });
});

test('ends when its caller gives up', async () => {
  const kernel = new FakeKernel({
    report,
    before: (_, name) => {
      if (name === 'outblob') throw errno('EBUSY');
    },
  });
  const signal = AbortSignal.timeout(30);
  const answer = createConfigfsSource('/fake', kernel).report(data, 0, { signal });
  await expect(answer).rejects.toThrow(/abort|timeout/i);
  expect(kernel.entries.size).toBe(0);
});

test('many at once do not meet', async () => {
  const kernel = new FakeKernel({ report });
  const source = createConfigfsSource('/fake', kernel);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => source.report(new Uint8Array(64).fill(i), i % 4)),
  );
  answers.forEach((answer, i) => {
    expect(answer.report).toEqual(reportOver(report, new Uint8Array(64).fill(i), i % 4));
  });
});

test('the source is what the machine has: configfs, else the device, else none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-snp-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const configfsPath = join(folder, 'report');
  const paths = { configfsPath, devicePath: '/nowhere/sev-guest' };
  await expect(openReportSource(paths)).rejects.toMatchObject({ code: 'ERR_SNP_UNAVAILABLE' });
  mkdirSync(configfsPath);
  expect((await openReportSource(paths)).name).toBe('configfs-tsm');
});

test('with real files: a folder that is no configfs gives an error, and is left clean', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-snp-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  await expect(createConfigfsSource(folder).report(data, 0)).rejects.toMatchObject({
    code: 'ERR_SNP_UNAVAILABLE',
  });
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
});
