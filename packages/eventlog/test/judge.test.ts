import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { parseEventLog, replay } from '../src/index.ts';
import { BANKS, readVector } from './vectors.ts';

const JUDGE = 'tpm2_eventlog';
const LOGS = [
  'vm-ovmf/eventlog.bin',
  'eventlog/cmc-ubuntu-shim-grub.bin',
  'eventlog/google-rhel8.bin',
];
const isMissing = spawnSync(JUDGE, ['--version']).error !== undefined;

test.skipIf(isMissing && process.env['CI'] === undefined).each(LOGS)(
  `${JUDGE} replays %s to the same values (skipped where it is not installed)`,
  (file) => {
    const { status, stdout } = spawnSync(JUDGE, [join(vectorsDir(), file)], { encoding: 'utf8' });
    expect(status).toBe(0);
    const log = parseEventLog(readVector(...file.split('/')));
    const [, pcrs = ''] = stdout.split(/^pcrs:$/m);
    let compared = 0;
    for (const section of pcrs.split(/^ {2}(?=sha)/m)) {
      const bank = BANKS[section.split(':')[0] ?? ''];
      if (bank === undefined) continue;
      const values = replay(log, bank);
      for (const [, pcr, hex] of section.matchAll(/^ +(\d+) *: 0x([0-9a-f]+)$/gm)) {
        expect(toHex(values.get(Number(pcr)) ?? new Uint8Array())).toBe(hex);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(15);
  },
);
