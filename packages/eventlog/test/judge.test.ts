import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { type EventData, parseEventData, parseEventLog, replay } from '../src/index.ts';
import { BANKS, readVector } from './vectors.ts';

const JUDGE = 'tpm2_eventlog';
const LOGS = [
  'vm-ovmf/eventlog.bin',
  'eventlog/cmc-ubuntu-shim-grub.bin',
  'eventlog/google-rhel8.bin',
];
const isMissing = spawnSync(JUDGE, ['--version']).error !== undefined;

function judge(file: string): string {
  const { status, stdout } = spawnSync(JUDGE, [join(vectorsDir(), file)], { encoding: 'utf8' });
  expect(status).toBe(0);
  return stdout;
}

test.skipIf(isMissing && process.env['CI'] === undefined).each(LOGS)(
  `${JUDGE} replays %s to the same values (skipped where it is not installed)`,
  (file) => {
    const stdout = judge(file);
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

/** What the tool prints of an event and what this package says of it, under the tool's names. */
function compared(section: string, data: EventData): readonly (readonly [unknown, unknown])[] {
  const printed = (name: string): string | undefined =>
    new RegExp(`^ {4}${name}: (.*)$`, 'm').exec(section)?.[1];
  const number = (name: string): number => Number(printed(name));
  const variable = data.uefivariabledata;
  const image = data.imageloadevent;
  const blob = data.uefiplatformfirmwareblob;
  return [
    ...(printed('VariableName') === undefined
      ? []
      : [
          [variable?.variablenameguid, printed('VariableName')] as const,
          [variable?.unicodename, printed('UnicodeName')] as const,
        ]),
    ...(printed('ImageLocationInMemory') === undefined
      ? []
      : [
          [image?.imagelocationinmemory, number('ImageLocationInMemory')] as const,
          [image?.imagelengthinmemory, number('ImageLengthInMemory')] as const,
          [image?.imagelinktimeaddress, number('ImageLinkTimeAddress')] as const,
        ]),
    ...(printed('BlobBase') === undefined
      ? []
      : [
          [Number(`0x${toHex(blob?.blobbase ?? new Uint8Array())}`), number('BlobBase')] as const,
          [
            Number(`0x${toHex(blob?.bloblength ?? new Uint8Array())}`),
            number('BlobLength'),
          ] as const,
        ]),
  ];
}

test
  .skipIf(isMissing && process.env['CI'] === undefined)
  .each([...LOGS, 'eventlog/tpm2tools-bootorder.bin', 'eventlog/keylime-secureboot.bin'])(
  `${JUDGE} reads the same from the event data of %s (skipped where it is not installed)`,
  (file) => {
    const { events } = parseEventLog(readVector(...file.split('/')));
    const [, ...sections] = judge(file).split(/^- EventNum: /m);
    expect(sections).toHaveLength(events.length);
    const pairs = events.flatMap((event, index) =>
      compared(sections[index] ?? '', parseEventData(event)),
    );
    expect(pairs.length).toBeGreaterThan(20);
    for (const [ours, theirs] of pairs) expect(ours).toBe(theirs);
  },
);
