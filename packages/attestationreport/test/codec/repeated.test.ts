import { encodeUtf8, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { artifactSchema, decodeStruct, encodeStruct } from '../../src/codec/index.ts';
import type { Artifact, Component, Property } from '../../src/types/report.ts';

const properties = (...values: readonly string[]): readonly Property[] =>
  values.map((value, i) => ({ name: `p${i}`, value }));
const component = (name: string, of: readonly Property[]): Component => ({
  type: 'application',
  name,
  properties: of,
});
const artifact = (events: readonly Component[]): Artifact => ({ type: 'log', index: 10, events });
const encoded = (events: readonly Component[]): Uint8Array =>
  encodeStruct(artifactSchema, artifact(events), 'cbor');
const decoded = (bytes: Uint8Array, options = {}): Artifact =>
  decodeStruct(artifactSchema, bytes, options).value;

const A = properties('TPM', '10');
const B = properties('TPM', '11');
const LOG = [A, A, B, A, B, B].map((each, i) => component(`event ${i}`, each));

describe('what comes again and again in one message', () => {
  test('has the value that it has alone', () => {
    expect(decoded(encoded(LOG))).toEqual(artifact(LOG));
    expect(toHex(encodeStruct(artifactSchema, decoded(encoded(LOG)), 'cbor'))).toBe(
      toHex(encoded(LOG)),
    );
  });

  test('is one object, which nobody can change, where it follows itself', () => {
    const [first, second, third, fourth] = decoded(encoded(LOG)).events ?? [];
    expect(second?.properties).toBe(first?.properties);
    expect(Object.isFrozen(first?.properties)).toBe(true);
    expect(first?.properties?.every(Object.isFrozen)).toBe(true);
    expect(third?.properties).not.toBe(first?.properties);
    expect(fourth?.properties).toEqual(first?.properties);
  });

  test('is not mistaken for what only begins like it', () => {
    const log = [properties('a'), properties('a', 'b'), properties('a'), properties('ab')];
    const events = log.map((each, i) => component(`event ${i}`, each));
    expect(decoded(encoded(events))).toEqual(artifact(events));
  });

  test('counts as often as it comes', () => {
    const bytes = encoded([component('1', A), component('2', A)]);
    // The artifact has 3 members; the list 2 elements, each with 3 members and 2 properties of 2.
    const items = 3 + 2 * (1 + 3 + 2 * (1 + 2));
    expect(decoded(bytes, { maxItems: items }).events).toHaveLength(2);
    expect(() => decoded(bytes, { maxItems: items - 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_LIMIT' }),
    );
  });

  test('is refused where it is cut off', () => {
    const bytes = encoded([component('1', A), component('2', A)]);
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decoded(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED' }),
      );
    }
  });

  test('is read from JSON as well', () => {
    const json = encodeStruct(artifactSchema, artifact(LOG), 'json');
    expect(decoded(json)).toEqual(artifact(LOG));
    expect(decoded(encodeUtf8(new TextDecoder().decode(json)))).toEqual(artifact(LOG));
  });
});
