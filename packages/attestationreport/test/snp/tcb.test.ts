import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { decodeTcb, encodeTcb } from '../../src/snp/index.ts';

const MILAN = { fmc: 0, bl: 3, tee: 0, snp: 8, ucode: 115 };
const TURIN = { fmc: 0, bl: 1, tee: 0, snp: 2, ucode: 71 };

test.each([
  ['Milan', 'milan-v2-virtee', MILAN],
  ['Genoa', 'genoa-v5-routex', { fmc: 0, bl: 10, tee: 0, snp: 27, ucode: 88 }],
  ['Turin', 'turin-v5-routex', TURIN],
] as const)('reads and writes the TCB of a %s report', (product, folder, tcb) => {
  const report = readFileSync(join(vectorsDir(), 'snp', folder, 'report.bin'));
  const bytes = new Uint8Array(report.subarray(0x180, 0x188));
  expect(decodeTcb(bytes, product)).toStrictEqual(tcb);
  expect(encodeTcb(tcb, product)).toStrictEqual(bytes);
});

test.each([
  ['a byte too many', 'Milan', { ...MILAN, ucode: 256 }],
  ['a negative part', 'Milan', { ...MILAN, bl: -1 }],
  ['half a version', 'Turin', { ...TURIN, snp: 0.5 }],
  ['an FMC before Turin', 'Genoa', { ...MILAN, fmc: 1 }],
] as const)('does not write %s', (_, product, tcb) => {
  expect(() => encodeTcb(tcb, product)).toThrow(RangeError);
});
