import { CmcError, DecodeError, encodeUtf8 } from '@cmc/bytes';
import { digest } from '@cmc/bytes/hash';
import { flipEachByte, prefixes } from '@cmc/testkit';
import { expect, test } from 'vitest';
import {
  digestMatchesData,
  type EventLog,
  EventType,
  initialValue,
  parseEventLog,
  replay,
  requireDigest,
  resetValue,
  secureBootState,
} from '../src/index.ts';
import { locality, writeLog } from './log-writer.ts';
import { readVector } from './vectors.ts';

const NO_ACTION = EventType.NO_ACTION;
const VALUE = 'ERR_DECODE_VALUE';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof CmcError) return error.code;
    throw error;
  }
  return 'accepted';
};
const codeOfLog = (...args: Parameters<typeof writeLog>): string =>
  codeOf(() => parseEventLog(writeLog(...args)));

test.each([0, 3, 4])(
  'R12 PCR 0 starts with locality %d of the record before its first event',
  (value) => {
    const log = parseEventLog(
      writeLog([
        { pcr: 0, type: NO_ACTION, data: locality(value) },
        { pcr: 0, type: 8 },
      ]),
    );
    expect(log.startupLocality).toBe(value);
    expect(initialValue(log, 0, 'SHA-256')[31]).toBe(value);
    expect(initialValue(log, 1, 'SHA-256')[31]).toBe(0);
  },
);

test('R12 rejects a start-up locality that is late, doubled, elsewhere or impossible', () => {
  const first = { pcr: 0, type: NO_ACTION, data: locality(3) };
  expect(codeOfLog([{ pcr: 0, type: 8 }, first])).toBe(VALUE);
  expect(codeOfLog([first, first])).toBe(VALUE);
  expect(codeOfLog([{ ...first, pcr: 1 }])).toBe(VALUE);
  for (const value of [1, 2, 5, 255]) {
    expect(codeOfLog([{ ...first, data: locality(value) }])).toBe(VALUE);
  }
  expect(codeOfLog([{ ...first, data: locality(3).subarray(0, 16) }])).toBe(VALUE);
  expect(codeOfLog([first, { pcr: 0, type: EventType.EFI_HCRTM_EVENT }])).toBe(VALUE);
});

test('R12 other records that extend nothing may stand before the start-up locality', () => {
  // As EDK II writes them: the platform's reference manifest first.
  const sp800155 = { pcr: 0, type: NO_ACTION, data: encodeUtf8('SP800-155 Event3') };
  const stated = { pcr: 0, type: NO_ACTION, data: locality(3) };
  const elsewhere = { pcr: 7, type: EventType.SEPARATOR };
  const log = parseEventLog(writeLog([sp800155, elsewhere, stated, { pcr: 0, type: 8 }]));
  expect(log.startupLocality).toBe(3);
  expect(codeOfLog([sp800155, { pcr: 0, type: 8 }, stated])).toBe(VALUE);
});

test('R12 an H-CRTM event starts PCR 0 at locality 4', () => {
  const log = parseEventLog(writeLog([{ pcr: 0, type: EventType.EFI_HCRTM_EVENT }]));
  expect(log.startupLocality).toBe(4);
});

test('R13 unknown event types are kept and extended, EV_NO_ACTION is not', () => {
  const log = parseEventLog(
    writeLog([
      { pcr: 5, type: 0x1234_5678 },
      { pcr: 5, type: NO_ACTION },
    ]),
  );
  expect(log.events[1]?.typeName).toBe('Unknown event type');
  expect(log.warnings).toHaveLength(1);
  const extended = digest(
    'SHA-256',
    Uint8Array.from([...new Uint8Array(32), ...new Uint8Array(32).fill(0x11)]),
  );
  expect([...replay(log, 'SHA-256')]).toEqual([[5, extended]]);
});

test('R13 tells data that its digest does not cover', () => {
  const data = encodeUtf8('Exit Boot Services Invocation');
  const type = EventType.EFI_ACTION;
  const good = { pcr: 5, type, data, digests: [[0x0b, digest('SHA-256', data)] as const] };
  const { events } = parseEventLog(writeLog([good, { pcr: 5, type, data }, { pcr: 5, type: 0xd }]));
  const [, ...measured] = events;
  expect(measured.map((event) => digestMatchesData(event, 'SHA-256'))).toEqual([
    true,
    false,
    undefined,
  ]);
});

const secureBootLog = (): EventLog => parseEventLog(readVector('eventlog', 'google-rhel8.bin'));

test('R14 secure boot state of a real log', () => {
  expect(secureBootState(secureBootLog(), 'SHA-256')).toEqual({ ok: true, enabled: true });
  const off = parseEventLog(readVector('eventlog', 'google-ubuntu2104-no-sb.bin'));
  expect(secureBootState(off, 'SHA-256')).toEqual({ ok: true, enabled: false });
});

test('R14 gives no fact when a variable is doubled, missing, late or not what was measured', () => {
  const log = secureBootLog();
  const isPcr7 = ({ pcr, type }: { pcr: number; type: number }): boolean => pcr === 7 && type !== 3;
  const variables = log.events.filter(
    (event) => isPcr7(event) && event.type === EventType.EFI_VARIABLE_DRIVER_CONFIG,
  );
  expect(variables.length).toBeGreaterThanOrEqual(5);
  const others = log.events.filter((event) => !variables.includes(event));
  const judge = (events: readonly EventLog['events'][number][]): boolean =>
    secureBootState(
      { ...log, events: events.map((event, index) => ({ ...event, index })) },
      'SHA-256',
    ).ok;
  expect(judge([...variables, ...others])).toBe(true);
  expect(judge([...others, ...variables])).toBe(false);
  for (const variable of variables) {
    expect(judge([...variables, variable, ...others])).toBe(false);
    expect(judge([...variables.filter((other) => other !== variable), ...others])).toBe(false);
    const data = variable.data.slice();
    data[data.length - 1] = (data.at(-1) ?? 0) ^ 1;
    const edited = variables.map((other) => (other === variable ? { ...variable, data } : other));
    expect(judge([...edited, ...others])).toBe(false);
  }
  const separator = others.find((event) => isPcr7(event) && event.type === EventType.SEPARATOR);
  if (separator === undefined) throw new Error('no separator');
  expect(judge([...variables, ...others, separator])).toBe(false);
  const invalid = { ...separator, data: Uint8Array.of(1, 0, 0, 0) };
  expect(judge([...variables, ...others.map((e) => (e === separator ? invalid : e))])).toBe(false);
});

test('R17 PCR 17-22 start at ones, all others at zeros', () => {
  const log = parseEventLog(writeLog([{ pcr: 17, type: 5 }]));
  for (let pcr = 0; pcr < 24; pcr++) {
    const expected = pcr >= 17 && pcr <= 22 ? 0xff : 0;
    expect(initialValue(log, pcr, 'SHA-256').every((byte) => byte === expected)).toBe(true);
  }
  const extended = digest(
    'SHA-256',
    Uint8Array.from([...new Uint8Array(32).fill(0xff), ...new Uint8Array(32).fill(0x11)]),
  );
  expect(replay(log, 'SHA-256').get(17)).toEqual(extended);
});

test('R22 sizes and counts are refused before anything is allocated', () => {
  const bytes = writeLog([{ pcr: 1, type: 5, data: new Uint8Array(8) }]);
  const patched = (offset: number): Uint8Array => {
    const copy = bytes.slice();
    copy.set([0xff, 0xff, 0xff, 0xff], offset);
    return copy;
  };
  const limit = 'ERR_DECODE_LIMIT';
  expect(codeOf(() => parseEventLog(patched(28)))).toBe(limit);
  expect(codeOf(() => parseEventLog(patched(32 + 24)))).toBe(limit);
  expect(codeOf(() => parseEventLog(patched(bytes.length - 12)))).toBe(limit);
  expect(codeOf(() => parseEventLog(patched(bytes.length - 12 - 34 - 4)))).toBe(limit);
  expect(codeOf(() => parseEventLog(bytes, { maxBytes: bytes.length - 1 }))).toBe(limit);
  expect(codeOf(() => parseEventLog(bytes, { maxEvents: 1 }))).toBe(limit);
  expect(codeOf(() => parseEventLog(bytes, { maxEventBytes: 7 }))).toBe(limit);
});

test('digests of an unknown algorithm are skipped by their declared size and said to be', () => {
  const digests = [
    [0x7777, new Uint8Array(5)],
    [0x0b, new Uint8Array(32)],
  ] as const;
  const algorithms = [
    [0x7777, 5],
    [0x0b, 32],
  ] as const;
  const log = parseEventLog(writeLog([{ pcr: 1, type: 5, digests }], algorithms));
  expect(log.warnings).toHaveLength(1);
  expect(replay(log, 'SHA-256').size).toBe(1);
  expect(codeOfLog([{ pcr: 1, type: 5, digests }])).toBe('ERR_DECODE_LIMIT');
  expect(codeOfLog([], [[0x0b, 31]])).toBe(VALUE);
  expect(
    codeOfLog(
      [],
      [
        [0x0b, 32],
        [0x0b, 32],
      ],
    ),
  ).toBe('ERR_DECODE_DUPLICATE');
});

test('refuses the replay of a bank that the log or one of its events lacks', () => {
  const algorithms = [
    [0x0b, 32],
    [0x0c, 48],
  ] as const;
  const log = parseEventLog(writeLog([{ pcr: 1, type: 5 }], algorithms));
  expect(codeOf(() => replay(log, 'SHA-512'))).toBe('ERR_EVENTLOG_BANK');
  expect(codeOf(() => replay(log, 'SHA-384'))).toBe('ERR_EVENTLOG_BANK');
  expect(replay(log, 'SHA-256').size).toBe(1);
});

test('the digest of an event is there in a bank, or refused', () => {
  const event = parseEventLog(writeLog([{ pcr: 1, type: 5 }])).events[1];
  if (event === undefined) throw new Error('the log has no second event');
  expect(requireDigest(event, 'SHA-256')).toEqual(new Uint8Array(32).fill(0x11));
  expect(codeOf(() => requireDigest(event, 'SHA-384'))).toBe('ERR_EVENTLOG_BANK');
});

test('PCRs start with zeros, those of a dynamic launch with ones', () => {
  for (let pcr = 0; pcr <= 23; pcr++) {
    const isDynamic = pcr >= 17 && pcr <= 22;
    expect(resetValue(pcr, 'SHA-384')).toEqual(new Uint8Array(48).fill(isDynamic ? 0xff : 0));
  }
});

test('refuses registers that there are none of', () => {
  expect(codeOfLog([{ pcr: 24, type: 5 }])).toBe(VALUE);
  const ccel = writeLog([{ pcr: 5, type: 5 }]);
  expect(codeOf(() => parseEventLog(ccel, { format: 'ccel' }))).toBe(VALUE);
  expect(codeOfLog([{ pcr: 0xffff_ffff, type: NO_ACTION }])).toBe('accepted');
});

test('every proper prefix is refused, unless it ends where a record ends', () => {
  const bytes = readVector('vm-ovmf', 'eventlog.bin');
  const { events, length } = parseEventLog(bytes);
  expect(length).toBe(bytes.length);
  const ends = new Set(events.slice(1).map(({ offset }) => offset));
  for (const prefix of prefixes(bytes)) {
    if (ends.has(prefix.length)) continue;
    expect(() => parseEventLog(prefix)).toThrow(DecodeError);
  }
});

test('every flipped byte is refused or changes what was parsed', () => {
  const bytes = readVector('eventlog', 'tpm2tools-four-banks.bin');
  const original = JSON.stringify(parseEventLog(bytes));
  // Read, but of no consequence: platform class, version and errata of the Spec ID event are data.
  for (const { bytes: flipped } of flipEachByte(bytes)) {
    if (codeOf(() => parseEventLog(flipped)) !== 'accepted') continue;
    expect(JSON.stringify(parseEventLog(flipped))).not.toBe(original);
  }
});

test('padding ends a CCEL and no other log', () => {
  const bytes = writeLog([{ pcr: 1, type: 5 }]);
  for (const pad of [0x00, 0xff]) {
    const padded = new Uint8Array(bytes.length + 64).fill(pad);
    padded.set(bytes);
    expect(parseEventLog(padded, { format: 'ccel' })).toMatchObject({
      kind: 'ccel',
      length: bytes.length,
    });
    expect(codeOf(() => parseEventLog(padded))).not.toBe('accepted');
    padded[padded.length - 1] = 0x55;
    expect(codeOf(() => parseEventLog(padded, { format: 'ccel' }))).not.toBe('accepted');
  }
});
