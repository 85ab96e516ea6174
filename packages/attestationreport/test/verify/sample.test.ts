import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { attestationResultSchema, decodeStruct, encodeStruct } from '../../src/codec/index.ts';
import { type Verification, verify } from '../../src/verify/index.ts';
import { parsePemCertificates } from '../../src/x509/index.ts';

// Made and accepted by the reference implementation; see spec/report.md, section 8.
const folder = join(vectorsDir(), 'report');
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
const expected = JSON.parse(text('expected-values.json'));
const reference = decodeStruct(
  attestationResultSchema,
  readFileSync(join(folder, 'attestation-result.json')),
).value;
const reports = {
  json: new Uint8Array(readFileSync(join(folder, 'report.json'))),
  cbor: fromHex(text('report.cbor.hex').trim()),
};
const nonces = {
  json: expected.reportJsonEvidenceNonceHex,
  cbor: expected.reportCborEvidenceNonceHex,
};
const asJson = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, v) => (v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v)),
  );

describe.each(['json', 'cbor'] as const)('the sample report in %s', (serialization) => {
  const run = (): Promise<Verification> =>
    verify(reports[serialization], {
      nonce: fromHex(expected.userNonceHex),
      metadataRoots: parsePemCertificates(text('ca.pem')),
      now: new Date('2026-08-06T21:01:24Z'),
    });

  test('has metadata whose result is the one of the reference', async () => {
    const { result } = await run();
    // Of the two signatures that the root manifest has in JSON, its CBOR form has the first.
    const manifests = reference.metadata.manifestResults?.map((manifest) => ({
      ...manifest,
      signatureValidation: manifest.signatureValidation?.slice(0, serialization === 'json' ? 2 : 1),
    }));
    expect(asJson(result.metadata.manifestResults)).toEqual(asJson(manifests));
    expect(asJson(result.metadata.compatibilityResult.manifestCompatibility)).toEqual(
      asJson(reference.metadata.compatibilityResult.manifestCompatibility),
    );
    const { location: _, ...image } = result.metadata.imageDescriptionResult;
    const { location: __, ...referenceImage } = reference.metadata.imageDescriptionResult;
    expect(asJson(image)).toEqual(asJson(referenceImage));
  });

  test('has software evidence that verifies as in the reference', async () => {
    const { result } = await run();
    const software = result.measurements?.find(({ type }) => type === 'SW Result');
    const referenceSoftware = reference.measurements?.[1];
    expect(
      asJson({ ...software, summary: { status: software?.summary.status }, freshness: {} }),
    ).toEqual(asJson({ ...referenceSoftware, freshness: {} }));
    expect(software?.freshness).toEqual({ status: 'success', got: nonces[serialization] });
    expect(result.freshness).toEqual(reference.freshness);
  });

  test('has TPM evidence that verifies as in the reference, and is accepted', async () => {
    const { ok, result } = await run();
    const tpm = result.measurements?.find(({ type }) => type === 'TPM Result');
    const referenceTpm = reference.measurements?.find(({ type }) => type === 'TPM Result');
    const { details, ...summary } = tpm?.summary ?? { status: '' };
    expect(details).toBe('boot_aggregate was not checked: PCR 1, 2, 3, 5, 6, 7 is not quoted');
    expect(asJson({ ...tpm, summary, freshness: {} })).toEqual(
      asJson({ ...referenceTpm, freshness: {} }),
    );
    expect(tpm?.freshness).toEqual({ status: 'success', got: nonces[serialization] });
    expect(result.summary).toEqual({ status: 'success' });
    expect(ok).toBe(true);
  });

  test('has a result that survives encoding', async () => {
    const { result } = await run();
    for (const encoding of ['json', 'cbor'] as const) {
      const encoded = encodeStruct(attestationResultSchema, result, encoding);
      const { value } = decodeStruct(attestationResultSchema, encoded);
      expect(value.summary).toEqual(result.summary);
      expect(encodeStruct(attestationResultSchema, value, encoding)).toEqual(encoded);
    }
  });
});
