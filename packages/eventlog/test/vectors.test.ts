import { CmcError, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { algorithmId } from '../src/algorithms.ts';
import { digestOf, parseEventLog, replay } from '../src/index.ts';
import { BANKS, formatOf, readJson, readVector, VECTORS } from './vectors.ts';

interface ExpectedEvent {
  readonly pcr: number;
  readonly type: string;
  readonly digests: Readonly<Record<string, string>>;
  readonly dataLength: number;
}

test('there are vectors', () => {
  expect(VECTORS.length).toBeGreaterThanOrEqual(52);
});

describe.each(VECTORS)('$id', (vector) => {
  const { expected, facts, files } = vector;
  const format = formatOf(vector);
  const parse = () => parseEventLog(readVector('eventlog', vector.file), { format });

  if (expected.verdict !== 'parse') {
    test('is refused', () => {
      expect(parse).toThrow(CmcError);
    });
    return;
  }
  test('gives every event of the vector', () => {
    const log = parse();
    expect(log.events).toHaveLength(facts.eventCount ?? -1);
    expect(log.length).toBe(facts.parsedBytes);
    expect(log.startupLocality).toBe(facts.startupLocality ?? 0);
    if (files?.events === undefined) return;
    const events = readJson('eventlog', files.events) as readonly ExpectedEvent[];
    expect(events).toHaveLength(log.events.length);
    for (const [index, event] of events.entries()) {
      const got = log.events[index];
      expect(got).toMatchObject({ pcr: event.pcr, type: Number(event.type) });
      expect(got?.data).toHaveLength(event.dataLength);
      for (const { algorithm, value } of got?.digests ?? []) {
        const [name] = Object.entries(BANKS).find(([, b]) => algorithmId(b) === algorithm) ?? [''];
        expect(event.digests[name]).toBe(toHex(value));
      }
    }
  });
  test('replays to every expected value', () => {
    const log = parse();
    const banks = Object.entries(expected.pcrs ?? {});
    expect(banks.length).toBeGreaterThan(0);
    for (const [name, pcrs] of banks) {
      const bank = BANKS[name];
      if (bank === undefined) throw new Error(`bank ${name}`);
      const values = Object.fromEntries([...replay(log, bank)].map(([pcr, v]) => [pcr, toHex(v)]));
      expect(values).toEqual(pcrs);
    }
  });
});

test('the log of a virtual machine replays to what its TPM held, in all banks', () => {
  const log = parseEventLog(readVector('vm-ovmf', 'eventlog.bin'));
  const pcrs = readJson('vm-ovmf', 'pcrs-1.json') as Readonly<
    Record<string, Record<string, string>>
  >;
  for (const name of ['sha1', 'sha256', 'sha384']) {
    const values = replay(log, BANKS[name] ?? 'SHA-1');
    expect(values.size).toBeGreaterThan(7);
    for (const [pcr, value] of values) expect(toHex(value)).toBe(pcrs[name]?.[pcr]);
  }
});

test('the log of a virtual machine has the expected events', () => {
  const log = parseEventLog(readVector('vm-ovmf', 'eventlog.bin'));
  const expected = readJson('vm-ovmf', 'events.json') as readonly (ExpectedEvent & {
    readonly typeName: string;
  })[];
  const events = log.events.slice(-expected.length);
  for (const [index, { pcr, typeName, digests }] of expected.entries()) {
    const event = events[index];
    expect(event).toMatchObject({ pcr, typeName });
    const value = event === undefined ? undefined : digestOf(event, 'SHA-256');
    expect(value === undefined ? undefined : toHex(value)).toBe(digests['sha256']);
  }
});
