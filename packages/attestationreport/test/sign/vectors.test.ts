import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeUtf8, fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  attestationResultSchema,
  decodeReport,
  decodeStruct,
  metadataSchema,
} from '../../src/codec/index.ts';
import { extractPayload, isSignedReport, verifySigned } from '../../src/sign/index.ts';
import type { SignatureResult } from '../../src/types/result.ts';
import { parsePemCertificates, parsePemPublicKey } from '../../src/x509/index.ts';

const NOW = new Date('2026-06-01T12:00:00Z');

function vector(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), 'report', name)));
}

const roots = parsePemCertificates(decodeUtf8(vector('ca.pem')));
const trust = { roots };
const reports = {
  json: vector('report.json'),
  cbor: fromHex(decodeUtf8(vector('report.cbor.hex')).trim()),
};
const results = {
  json: vector('attestation-result.json'),
  cbor: fromHex(decodeUtf8(vector('attestation-result.cbor.hex')).trim()),
};

function nameOf(item: Uint8Array): string | undefined {
  return decodeStruct(metadataSchema, extractPayload(item).payload).value.name;
}

describe.each(['json', 'cbor'] as const)('metadata of the sample report in %s', (serialization) => {
  const items = [...(decodeReport(reports[serialization]).report.context.metadata ?? [])];
  const { metadata } = decodeStruct(attestationResultSchema, results[serialization]).value;
  const expected = new Map<string | undefined, readonly SignatureResult[] | undefined>(
    [metadata.imageDescriptionResult, ...(metadata.manifestResults ?? [])].map((result) => [
      result.name,
      result.signatureValidation,
    ]),
  );

  test('verifies, with the results that the reference gives', async () => {
    expect(items).toHaveLength(3);
    for (const [, item] of items) {
      const result = await verifySigned(item, { trust, now: NOW });
      expect(result).toMatchObject({ ok: true, serialization, errorCodes: [] });
      expect(result.payload).toEqual(extractPayload(item).payload);
      // The sample in CBOR has the first signature only.
      const signatures = expected.get(nameOf(item))?.slice(0, result.signatures.length);
      expect(result.signatures).toEqual(signatures);
    }
  });

  test('is refused under another CA, with nothing of it trusted', async () => {
    const [, other] = items[0] ?? [];
    const leaf = parsePemCertificates(decodeUtf8(vector('ca.pem')));
    expect(leaf).toHaveLength(1);
    const later = new Date('2125-01-01T00:00:00Z');
    const result = await verifySigned(other!, { trust, now: later });
    expect(result.ok).toBe(false);
    expect(result.payload).toBeUndefined();
    expect(result.signatures[0]?.certChainValidation.errorCodes).toEqual([59]);
  });
});

test.each(['rtm.manifest', 'app.manifest', 'image.description'])(
  '%s.jws.json verifies',
  async (name) => {
    const item = vector(`${name}.jws.json`);
    const result = await verifySigned(item, { trust, now: NOW });
    expect(result.ok).toBe(true);
    expect(result.signatures).toHaveLength(name === 'rtm.manifest' ? 2 : 1);
  },
);

test('both signers of the sample root manifest count', async () => {
  const item = vector('rtm.manifest.jws.json');
  const ask = (minimumSigners: number) => verifySigned(item, { trust, now: NOW, minimumSigners });
  expect((await ask(2)).ok).toBe(true);
  expect((await ask(3)).ok).toBe(false);
});

test('the software evidence of the sample report verifies with the key of its collateral', async () => {
  const { report } = decodeReport(reports.cbor);
  const evidence = report.evidences?.find(({ type }) => type === 'SW Evidence');
  const collateral = report.context.collateral?.find(({ type }) => type === 'SW Evidence');
  const publicKey = parsePemPublicKey(decodeUtf8(collateral!.key!));
  const result = await verifySigned(evidence!.evidence!, { trust: { publicKey }, now: NOW });
  expect(result.ok).toBe(true);
  expect(result.signatures).toEqual([
    { signatureVerification: { status: 'success' }, certChainValidation: { status: '' } },
  ]);
});

test('an unsigned report has not the form of a signed one', () => {
  expect(isSignedReport(reports.json)).toBe(false);
  expect(isSignedReport(reports.cbor)).toBe(false);
});
