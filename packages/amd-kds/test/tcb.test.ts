import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { decodeTcb, encodeTcb } from '../src/index.ts';

test.each([
  ['Milan', 'milan-v2-virtee', { bl: 3, tee: 0, snp: 8, ucode: 115 }],
  ['Genoa', 'genoa-v5-routex', { bl: 10, tee: 0, snp: 27, ucode: 88 }],
  ['Turin', 'turin-v5-routex', { fmc: 0, bl: 1, tee: 0, snp: 2, ucode: 71 }],
] as const)('reads the TCB of a %s report', async (product, folder, tcb) => {
  const report = await readFile(join(vectorsDir(), 'snp', folder, 'report.bin'));
  const bytes = new Uint8Array(report.subarray(0x180, 0x188));
  expect(decodeTcb(product, bytes)).toStrictEqual(tcb);
  expect(decodeTcb(product, encodeTcb(product, tcb))).toStrictEqual(tcb);
});
