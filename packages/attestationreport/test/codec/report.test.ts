import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeUtf8, fromBase64url, fromHex, toBase64url, toHex } from '@cmc/bytes';
import { flipEachByte, prefixes, vectorsDir } from '@cmc/testkit';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  attestationResultSchema,
  type CborKey,
  type CborValue,
  type DecodedReport,
  decodeCbor,
  decodeReport,
  decodeStruct,
  encodeCbor,
  encodeContext,
  encodeReport,
  encodeStruct,
  parseJson,
  stringifyGoJson,
} from '../../src/codec/index.ts';
import type { Context, UnverifiedReport, VerifiedReport } from '../../src/index.ts';

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(vectorsDir(), 'report', name)));
const hexFile = (name: string): Uint8Array => fromHex(new TextDecoder().decode(file(name)).trim());
const decodeText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const failing = (code: string) => expect.objectContaining({ name: 'DecodeError', code });

const reportJson = file('report.json');
const reportCbor = hexFile('report.cbor.hex');
interface ExpectedValues {
  readonly userNonceHex: string;
  readonly reportJsonEvidenceNonceHex: string;
  readonly reportCborEvidenceNonceHex: string;
  readonly reportCborContextHex: string;
}
const expected: ExpectedValues = JSON.parse(decodeText(file('expected-values.json')));

/** The sample report as generic CBOR, with one change to its top level map. */
function changedCbor(change: (report: Map<CborKey, CborValue>) => void): Uint8Array {
  const report = decodeCbor(reportCbor) as Map<CborKey, CborValue>;
  change(report);
  return encodeCbor(report);
}

/** The sample report as JSON, with changes to its members. */
function changedJson(changes: Readonly<Record<string, unknown>>): Uint8Array {
  return encodeUtf8(JSON.stringify({ ...JSON.parse(decodeText(reportJson)), ...changes }));
}

const context: Context = {
  type: 'Context',
  alg: 'SHA-256',
  nonce: Uint8Array.of(1),
  collateral: null,
  digests: null,
};
const report: UnverifiedReport = {
  version: '3.3.0',
  type: 'Attestation Report',
  name: 'h',
  encoding: 'b64',
  evidences: null,
  context,
};

describe('decodeReport', () => {
  test('R32 yields the received characters of a JSON context as what is hashed', () => {
    const { encodedContext, serialization } = decodeReport(reportJson);
    expect(serialization).toBe('json');
    expect(decodeText(encodedContext)).toBe(JSON.parse(decodeText(reportJson)).context);
    expect(sha256(encodedContext)).toBe(expected.reportJsonEvidenceNonceHex);
  });

  test('R32 yields the received bytes of a CBOR context as what is hashed', () => {
    const { encodedContext, serialization } = decodeReport(reportCbor);
    expect(serialization).toBe('cbor');
    expect(toHex(encodedContext)).toBe(expected.reportCborContextHex);
    expect(sha256(encodedContext)).toBe(expected.reportCborEvidenceNonceHex);
  });

  test('R32 keeps members of the context that it does not know in what is hashed', () => {
    const bytes = changedCbor((members) => {
      const inner = members.get(5) as Map<CborKey, CborValue>;
      inner.set(99, 'extension');
    });
    const { encodedContext } = decodeReport(bytes);
    expect(encodedContext.length).toBe(expected.reportCborContextHex.length / 2 + 12);
    expect(decodeText(encodedContext)).toContain('extension');
  });

  test('R32 gives a copy: changing the input later does not change what is hashed', () => {
    const input = reportCbor.slice();
    const { encodedContext } = decodeReport(input);
    input.fill(0);
    expect(toHex(encodedContext)).toBe(expected.reportCborContextHex);
  });

  test('takes an escaped context for the text that it spells', () => {
    const escaped = decodeText(reportJson).replace('"context":"e', '"context":"\\u0065');
    const { encodedContext } = decodeReport(encodeUtf8(escaped));
    expect(sha256(encodedContext)).toBe(expected.reportJsonEvidenceNonceHex);
  });

  test('decodes the nonce, both encodings alike', () => {
    const fromJson = decodeReport(reportJson).report;
    const fromCbor = decodeReport(reportCbor).report;
    for (const { context: decoded, name } of [fromJson, fromCbor]) {
      expect(toHex(decoded.nonce ?? new Uint8Array())).toBe(expected.userNonceHex);
      expect(name).toBe('sample-host');
      expect(decoded.collateral?.map(({ type }) => type)).toEqual(['TPM Evidence', 'SW Evidence']);
      expect(decoded.metadata?.size).toBe(3);
    }
  });

  test.each([
    ['unsorted keys', 'a201600060', 'ERR_DECODE_NON_CANONICAL'],
    ['a key twice', 'a200600060', 'ERR_DECODE_DUPLICATE'],
    ['an integer longer than needed', 'a1180060', 'ERR_DECODE_NON_CANONICAL'],
    ['an indefinite length', 'bf0060ff', 'ERR_DECODE_NON_CANONICAL'],
    ['a tag', 'c1a10060', 'ERR_DECODE_NON_CANONICAL'],
  ])('R32 rejects a non-canonical context: %s', (_, contextHex, code) => {
    expect(() => decodeReport(fromHex(`a500600160036463626f7204f605${contextHex}`))).toThrow(
      failing(code),
    );
  });

  test('R32 rejects a non-canonical context although the caller tolerates such CBOR', () => {
    const tolerant: object = { canonical: false };
    const bytes = fromHex('a500600160036463626f7204f605bf0060ff');
    expect(() => decodeReport(bytes, tolerant)).toThrow(failing('ERR_DECODE_NON_CANONICAL'));
  });

  test.each([
    ['padding', `${toBase64url(encodeUtf8('{"type":""}'))}=`],
    ['the standard alphabet', 'e+/='],
    ['bits that stand for nothing', 'e31'],
    ['white space', ' e30'],
  ])('R32 rejects a context with %s: there is one text for it', (_, text) => {
    expect(() => decodeReport(changedJson({ context: text }))).toThrow(
      failing('ERR_DECODE_FORMAT'),
    );
  });

  test('R32 rejects text after the object of a JSON context', () => {
    const text = toBase64url(encodeUtf8('{"type":"Context"}{}'));
    expect(() => decodeReport(changedJson({ context: text }))).toThrow(
      failing('ERR_DECODE_TRAILING'),
    );
  });

  test('R32 rejects duplicate keys within a JSON context', () => {
    const duplicate = toBase64url(encodeUtf8('{"nonce":"AQ==","\\u006eonce":"Ag=="}'));
    expect(() => decodeReport(changedJson({ context: duplicate }))).toThrow(
      expect.objectContaining({
        code: 'ERR_DECODE_DUPLICATE',
        path: ['AttestationReport.context', 'nonce'],
      }),
    );
  });

  test.each(['version', 'type', 'encoding', 'context'])('rejects a report without %s', (member) => {
    expect(() => decodeReport(changedJson({ [member]: undefined }))).toThrow(
      failing('ERR_DECODE_MISSING'),
    );
    const key = { version: 0, type: 1, encoding: 3, context: 5 }[member] ?? -1;
    expect(() => decodeReport(changedCbor((members) => members.delete(key)))).toThrow(
      failing('ERR_DECODE_MISSING'),
    );
  });

  test('rejects an encoding that is not that of the serialization', () => {
    for (const encoding of ['cbor', 'jcs', 'B64', '']) {
      expect(() => decodeReport(changedJson({ encoding }))).toThrow(failing('ERR_DECODE_VALUE'));
    }
    const asJson = changedCbor((members) => members.set(3, 'b64'));
    expect(() => decodeReport(asJson)).toThrow(failing('ERR_DECODE_VALUE'));
  });

  test('rejects a context that is an object in JSON or a string in CBOR', () => {
    expect(() => decodeReport(changedJson({ context: {} }))).toThrow(failing('ERR_DECODE_TYPE'));
    const asText = changedCbor((members) => members.set(5, 'e30'));
    expect(() => decodeReport(asText)).toThrow(failing('ERR_DECODE_TYPE'));
  });

  test('rejects every proper prefix', () => {
    for (const bytes of [reportCbor, changedJson({ evidences: null }).subarray(0, 2000)]) {
      for (const prefix of prefixes(bytes)) {
        expect(() => decodeReport(prefix)).toThrow(failing('ERR_DECODE_TRUNCATED'));
      }
    }
  });

  test('rejects trailing bytes', () => {
    const longer = new Uint8Array([...reportCbor, 0]);
    expect(() => decodeReport(longer)).toThrow(failing('ERR_DECODE_TRAILING'));
    expect(() => decodeReport(encodeUtf8(`${decodeText(reportJson)} x`))).toThrow(
      failing('ERR_DECODE_TRAILING'),
    );
  });

  const small = { ...report, evidences: [{ type: 'SW Evidence', evidence: Uint8Array.of(7) }] };
  test.each([
    ['the CBOR sample', reportCbor],
    ['a JSON report', encodeReport(small, 'json')],
  ])('R32 a changed byte of %s is refused or changes what is decoded', (_, good) => {
    const original = fingerprint(decodeReport(good));
    let refused = 0;
    for (const { bytes } of flipEachByte(good)) {
      try {
        expect(fingerprint(decodeReport(bytes))).not.toBe(original);
      } catch (error) {
        expect(error).toMatchObject({ name: 'DecodeError' });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(good.length / 50);
  });
});

/** All of a decoded report that a verifier looks at. */
function fingerprint(decoded: DecodedReport): string {
  const rest = encodeReport({ ...decoded.report, context }, 'cbor');
  return `${toHex(rest)} ${toHex(decoded.encodedContext)}`;
}

describe('encodeReport', () => {
  test('gives back the reports of the reference', () => {
    const fromJson = decodeReport(reportJson).report;
    expect(decodeText(encodeReport(fromJson, 'json'))).toBe(decodeText(reportJson));
    const fromCbor = decodeReport(reportCbor).report;
    expect(toHex(encodeReport(fromCbor, 'cbor'))).toBe(toHex(reportCbor));
  });

  test('writes the worked example of the format', () => {
    const json = decodeText(encodeReport(report, 'json'));
    const contextJson =
      '{"type":"Context","alg":"SHA-256","nonce":"AQ==","collateral":null,"digests":null}';
    expect(json).toBe(
      '{"version":"3.3.0","type":"Attestation Report","name":"h","encoding":"b64",' +
        `"evidences":null,"context":"${toBase64url(encodeUtf8(contextJson))}"}`,
    );
  });

  test('writes the encoding that the serialization demands', () => {
    expect(decodeReport(encodeReport(report, 'cbor')).report.encoding).toBe('cbor');
    expect(decodeReport(encodeReport({ ...report, encoding: 'cbor' }, 'json')).report).toEqual(
      report,
    );
  });

  test('leaves out an empty map of metadata, as what the reference hashes demands', () => {
    const empty = { ...context, metadata: new Map() };
    for (const serialization of ['json', 'cbor'] as const) {
      expect(encodeContext(empty, serialization)).toEqual(encodeContext(context, serialization));
    }
  });
});

describe('encodeContext', () => {
  test('gives the evidence nonces of the worked example', () => {
    expect(sha256(encodeContext(context, 'json'))).toBe(
      '51781095f7a998691e05714a7d5bf7954a45d70c54adefda89f767f306ae7213',
    );
    expect(toHex(encodeContext(context, 'cbor'))).toBe(
      'a50067436f6e7465787401675348412d32353602410103f604f6',
    );
    expect(sha256(encodeContext(context, 'cbor'))).toBe(
      '052c8a1c393520543aad9adb877b2582c49e393b98506ee477a5d7061d56e0ae',
    );
  });

  test('is what decodeReport yields of the encoded report', () => {
    for (const serialization of ['json', 'cbor'] as const) {
      const { encodedContext } = decodeReport(encodeReport(report, serialization));
      expect(encodedContext).toEqual(encodeContext(context, serialization));
    }
    expect(decodeText(fromBase64url(decodeText(encodeContext(context, 'json'))))).toContain('AQ==');
  });
});

describe('attestation result of the reference', () => {
  test('CBOR decodes and encodes to the same bytes', () => {
    const bytes = hexFile('attestation-result.cbor.hex');
    const { value } = decodeStruct(attestationResultSchema, bytes);
    expect(toHex(encodeStruct(attestationResultSchema, value, 'cbor'))).toBe(toHex(bytes));
  });

  test('JSON decodes and encodes to the same text, white space aside', () => {
    const bytes = file('attestation-result.json');
    const { value } = decodeStruct(attestationResultSchema, bytes);
    const encoded = decodeText(encodeStruct(attestationResultSchema, value, 'json'));
    expect(encoded).toBe(JSON.stringify(JSON.parse(decodeText(bytes))));
    expect(encoded).toBe(stringifyGoJson(parseJson(bytes), { keys: 'kept' }));
  });
});

test('a decoded report is not a verified one', () => {
  expectTypeOf<VerifiedReport>().toExtend<UnverifiedReport>();
  expectTypeOf<UnverifiedReport>().not.toExtend<VerifiedReport>();
  expectTypeOf(decodeReport(reportCbor).report).not.toExtend<VerifiedReport>();
});
