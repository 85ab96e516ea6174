import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { replayImaList } from '../src/index.ts';
import { readVector } from './vectors.ts';

const JUDGE = 'evmctl';
const isMissing = spawnSync(JUDGE, ['--version']).error !== undefined;

function judge(list: string, pcr10: string): number | null {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-ima-judge-'));
  try {
    const pcrs = join(folder, 'pcrs');
    const lines = Array.from({ length: 24 }, (_, pcr) => {
      const hex = pcr === 10 ? pcr10 : '00'.repeat(20);
      return `PCR-${String(pcr).padStart(2, '0')}: ${hex.replace(/../g, '$& ')}\n`;
    });
    writeFileSync(pcrs, lines.join(''));
    const args = ['ima_measurement', '--pcrs', `sha1,${pcrs}`, '--ignore-violations', list];
    return spawnSync(JUDGE, args).status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test
  .skipIf(isMissing && process.env['CI'] === undefined)
  .each(['vm-ovmf/ima-1.bin', 'ima/ima-sig-ibm-sha1.bin'])(
  `${JUDGE} accepts the replay of %s and no other (skipped where it is not installed)`,
  (file) => {
    const { pcrs } = replayImaList(readVector(...file.split('/')), { bank: 'SHA-1' });
    const value = toHex(pcrs.get(10) ?? new Uint8Array());
    const list = join(vectorsDir(), file);
    expect(judge(list, value)).toBe(0);
    expect(judge(list, `${value.startsWith('0') ? '1' : '0'}${value.slice(1)}`)).not.toBe(0);
  },
);
