import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firmwareEvents, imaEvent, pcrEvent } from '@cmc/driver-tpm/log';
import { parseEventLog, replay } from '@cmc/eventlog';
import { imaEntryDigest, parseImaList } from '@cmc/ima';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { extendAll } from '../src/log/snapshot.ts';

const read = (...path: readonly string[]): Uint8Array =>
  new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
const log = parseEventLog(read('vm-ovmf', 'eventlog.bin'));

describe('events of a firmware log', () => {
  test('are in the order of the log, the start value before the first of each PCR', () => {
    const events = firmwareEvents(log, { banks: ['SHA-256'] });
    const logged = log.events.filter(({ typeName }) => typeName !== 'EV_NO_ACTION');
    const named = events.filter(({ event }) => event.name !== 'TPM_PCR_INIT_VALUE');
    expect(named.map(({ pcr, event }) => [pcr, event.name])).toEqual(
      logged.map(({ pcr, typeName }) => [pcr, typeName]),
    );
    const pcrs = [...new Set(logged.map(({ pcr }) => pcr))];
    expect(pcrs.length).toBeGreaterThan(7);
    for (const pcr of pcrs) {
      const ofPcr = events.filter((each) => each.pcr === pcr).map(({ event }) => event);
      const [start, ...extended] = ofPcr;
      expect(start?.name).toBe('TPM_PCR_INIT_VALUE');
      const first = start?.hashes?.[0]?.content ?? new Uint8Array();
      expect(extendAll(first, extended, 'SHA-256')).toEqual(replay(log, 'SHA-256').get(pcr));
    }
  });

  test('have the digests of all banks asked for, in that order, and only of the PCRs asked for', () => {
    const events = firmwareEvents(log, { banks: ['SHA-384', 'SHA-1'], pcrs: [4, 9] });
    expect(new Set(events.map(({ pcr }) => pcr))).toEqual(new Set([4, 9]));
    for (const { event } of events) {
      expect(event.hashes?.map(({ alg, content }) => [alg, content.length])).toEqual([
        ['SHA-384', 48],
        ['SHA-1', 20],
      ]);
    }
  });

  test('say what their data says only when asked', () => {
    const options = { banks: ['SHA-256'], pcrs: [9] } as const;
    const tagged = (eventData: boolean): readonly unknown[] =>
      firmwareEvents(log, { ...options, eventData }).flatMap(
        ({ event }) => event.eventdata?.pcclienttaggedevent?.taggedeventid ?? [],
      );
    expect(tagged(true)).toEqual(['0x8F3B22ED', '0x8F3B22EC']);
    expect(tagged(false)).toEqual([]);
  });

  test('are refused in a bank that an event does not have', () => {
    expect(() => firmwareEvents(log, { banks: ['SHA-512'] })).toThrow(
      expect.objectContaining({ code: 'ERR_EVENTLOG_BANK' }),
    );
  });
});

test('an entry of an IMA list is an optional event, named for the file', () => {
  const { entries } = parseImaList(read('vm-ovmf', 'ima-1.bin'), { bank: 'SHA-256' });
  const entry = entries.find(({ path }) => path === '/bin/busybox');
  if (entry === undefined) throw new Error('the list has no such file');
  const hashes = [{ alg: 'SHA-256', content: imaEntryDigest(entry, { bank: 'SHA-256' }) }];
  const event = imaEvent(entry, hashes);
  const { name, optional, description } = event;
  expect({ name, optional, description }).toEqual({
    name: 'busybox',
    optional: true,
    description: '/bin/busybox',
  });
  expect(event).toEqual(pcrEvent(10, { name, hashes, optional: true, description: entry.path }));
});

test.each([
  ['firmware', [0, 1, 2, 3]],
  ['operating-system', [4, 5, 8, 9]],
  ['platform', [6, 7]],
  ['application', [10, 11, 16, 23]],
] as const)('components of kind %s are measured into PCR %j', (type, pcrs) => {
  for (const pcr of pcrs) {
    expect(pcrEvent(pcr, { name: 'x', hashes: [] })).toEqual({
      type,
      name: 'x',
      hashes: [],
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: `${pcr}` },
      ],
    });
  }
});
