import { DecodeError, fromHex, toHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame } from '../src/frame-channel.ts';
import {
  type AtlsResponse,
  atlsCompleteSchema,
  atlsRequestSchema,
  atlsResponseSchema,
  decodeMessage,
  encodeMessage,
  isComplete,
} from '../src/messages.ts';
import { decodeRaw, encodeRaw } from './support/raw-peer.ts';

const version = '1.3.0';

// Appendix A of the interface specification, made by an independent encoder.
const VECTORS = [
  ['Request', atlsRequestSchema, { version, attest: 0 }, '0000000aa20065312e332e300100'],
  [
    'Request with cached digests',
    atlsRequestSchema,
    { version, attest: 2, cached: ['ab'] },
    '0000000fa30065312e332e3001020281626162',
  ],
  ['Response without report', atlsResponseSchema, { version }, '00000008a10065312e332e30'],
  ['Complete', atlsCompleteSchema, { version, success: true }, '0000000aa20065312e332e3001f5'],
  [
    'failed Complete',
    atlsCompleteSchema,
    { version, success: false, error: 'x' },
    '0000000da30065312e332e3001f4026178',
  ],
] as const;

const JSON_VECTORS = [
  ['Request', atlsRequestSchema, { version, attest: 0 }, '{"version":"1.3.0","attest":0}'],
  ['Response', atlsResponseSchema, { version }, '{"version":"1.3.0"}'],
  [
    'Complete',
    atlsCompleteSchema,
    { version, success: true },
    '{"version":"1.3.0","success":true}',
  ],
] as const;

describe('vectors of the specification', () => {
  test.each(VECTORS)('encodes and decodes %s in CBOR', (_, schema, value, hex) => {
    const message = schema as typeof atlsRequestSchema;
    const frame = encodeFrame(encodeMessage(message, value as never, 'cbor'));
    expect(toHex(frame)).toBe(hex);
    expect(decodeMessage(message, fromHex(hex).subarray(4))).toEqual(value);
  });

  test.each(JSON_VECTORS)('encodes and decodes %s in JSON', (_, schema, value, json) => {
    const message = schema as typeof atlsRequestSchema;
    expect(Buffer.from(encodeMessage(message, value as never, 'json')).toString()).toBe(json);
    expect(decodeMessage(message, Buffer.from(json))).toEqual(value);
  });
});

describe('decodeMessage', () => {
  const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
  const request = fc.record(
    {
      version: fc.constant(version),
      attest: fc.nat(255),
      cached: fc.array(digest, { minLength: 1, maxLength: 3 }),
      bindings: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: ['version', 'attest'], noNullPrototype: true },
  );

  test.each(['json', 'cbor'] as const)('agrees with an independent codec in %s', (encoding) => {
    fc.assert(
      fc.property(request, (message) => {
        const bytes = encodeMessage(atlsRequestSchema, message, encoding);
        expect(decodeRaw('request', bytes)).toEqual(message);
        const theirs = encodeRaw('request', message, encoding);
        expect(decodeMessage(atlsRequestSchema, theirs)).toEqual(message);
      }),
    );
  });

  test.each(['json', 'cbor'] as const)(
    'rejects every proper prefix of a message in %s',
    (encoding) => {
      const response = { version, report: new Uint8Array(40).fill(7) };
      const bytes = encodeMessage(atlsResponseSchema, response, encoding);
      expect(decodeMessage(atlsResponseSchema, bytes)).toEqual(response);
      for (const prefix of prefixes(bytes)) {
        expect(() => decodeMessage(atlsResponseSchema, prefix)).toThrow(DecodeError);
      }
    },
  );

  test.each(['json', 'cbor'] as const)(
    'agrees with an independent codec on key proofs in %s, and rejects every proper prefix',
    (encoding) => {
      const certificates = [new Uint8Array(40).fill(7), new Uint8Array(1)];
      const response = {
        version,
        keyProof: { certificates, signature: new Uint8Array(70).fill(8) },
      };
      const bytes = encodeMessage(atlsResponseSchema, response, encoding);
      expect(decodeRaw('response', bytes)).toEqual(response);
      expect(decodeMessage(atlsResponseSchema, encodeRaw('response', response, encoding))).toEqual(
        response,
      );
      for (const prefix of prefixes(bytes)) {
        expect(() => decodeMessage(atlsResponseSchema, prefix)).toThrow(DecodeError);
      }
    },
  );

  test.each([
    ['no structure', '{"version":"1.3.0","keyProof":"x"}'],
    ['a certificate that is no bytes', '{"version":"1.3.0","keyProof":{"certificates":[1]}}'],
    ['certificates that are no list', '{"version":"1.3.0","keyProof":{"certificates":"AA=="}}'],
  ])('rejects a Response with a key proof of %s', (_, json) => {
    expect(() => decodeMessage(atlsResponseSchema, Buffer.from(json))).toThrow(DecodeError);
  });

  test('reads null as no report and no digests', () => {
    const response = Buffer.from('{"version":"1.3.0","report":null}');
    expect(decodeMessage(atlsResponseSchema, response)).toEqual({ version });
    expect(decodeMessage(atlsResponseSchema, fromHex('a20065312e332e3002f6'))).toEqual({ version });
    const request = Buffer.from('{"version":"1.3.0","attest":0,"cached":null}');
    expect(decodeMessage(atlsRequestSchema, request)).toEqual({ version, attest: 0 });
  });

  test.each([
    ['no version', '{"attest":0}'],
    ['no mode', '{"version":"1.3.0"}'],
    ['a mode that is no small number', '{"version":"1.3.0","attest":256}'],
    ['digests that are no texts', '{"version":"1.3.0","attest":0,"cached":[1]}'],
    ['bindings that are no list', '{"version":"1.3.0","attest":0,"bindings":"spki-v1"}'],
  ])('rejects a Request with %s', (_, json) => {
    expect(() => decodeMessage(atlsRequestSchema, Buffer.from(json))).toThrow(DecodeError);
  });

  test('rejects a Complete that does not say whether it is a success', () => {
    const json = Buffer.from('{"version":"1.3.0"}');
    expect(() => decodeMessage(atlsCompleteSchema, json)).toThrow(DecodeError);
  });
});

describe('isComplete', () => {
  test.each(['json', 'cbor'] as const)(
    'tells a Complete from the other messages in %s',
    (encoding) => {
      const complete = { version, success: false, error: 'x' };
      expect(isComplete(encodeMessage(atlsCompleteSchema, complete, encoding))).toBe(true);
      for (const attest of [0, 1, 2, 3]) {
        const request = { version, attest };
        expect(isComplete(encodeMessage(atlsRequestSchema, request, encoding))).toBe(false);
      }
      const responses: readonly AtlsResponse[] = [{ version }, { version, error: 'x' }];
      for (const response of responses) {
        expect(isComplete(encodeMessage(atlsResponseSchema, response, encoding))).toBe(false);
      }
    },
  );

  test('takes large messages, garbage and nothing for no Complete', () => {
    const large = { version, success: false, error: 'x'.repeat(64 * 1024) };
    expect(isComplete(encodeMessage(atlsCompleteSchema, large, 'json'))).toBe(false);
    expect(isComplete(Buffer.from('{"success":true'))).toBe(false);
    expect(isComplete(Buffer.from('[true]'))).toBe(false);
    expect(isComplete(new Uint8Array())).toBe(false);
  });
});
