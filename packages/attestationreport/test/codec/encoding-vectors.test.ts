import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  artifactSchema,
  attestationResultSchema,
  collateralSchema,
  compatibilityResultSchema,
  componentSchema,
  contextSchema,
  ctrDataSchema,
  decodeStruct,
  digestResultSchema,
  encodeStruct,
  eventDataSchema,
  evidenceSchema,
  imageDescriptionSchema,
  intelCollateralSchema,
  manifestDescriptionSchema,
  manifestSchema,
  measurementResultSchema,
  metadataResultSchema,
  metadataSchema,
  metaInfoSchema,
  omspResponseSchema,
  resultSchema,
  type StructSchema,
  sbomSchema,
  sgxPolicySchema,
  signatureResultSchema,
  singleOmspResponseSchema,
  snpPolicySchema,
  swEvidenceSchema,
  tdxPolicySchema,
  validitySchema,
  x509CertExtractedSchema,
} from '../../src/codec/index.ts';

interface Entry {
  readonly type: string;
  readonly note: string;
  readonly jsonText: string;
  readonly cborHex: string;
}

const entries: readonly Entry[] = JSON.parse(
  readFileSync(join(vectorsDir(), 'report/encoding-vectors.json'), 'utf8'),
);

const schemas: Readonly<Record<string, StructSchema<never>>> = {
  Artifact: artifactSchema,
  AttestationResult: attestationResultSchema,
  Collateral: collateralSchema,
  CompatibilityResult: compatibilityResultSchema,
  Component: componentSchema,
  Context: contextSchema,
  CtrData: ctrDataSchema,
  DigestResult: digestResultSchema,
  EventData: eventDataSchema,
  Evidence: evidenceSchema,
  ImageDescription: imageDescriptionSchema,
  IntelCollateral: intelCollateralSchema,
  Manifest: manifestSchema,
  ManifestDescription: manifestDescriptionSchema,
  MeasurementResult: measurementResultSchema,
  MetaInfo: metaInfoSchema,
  Metadata: metadataSchema,
  MetadataResult: metadataResultSchema,
  OmspResponse: omspResponseSchema,
  Result: resultSchema,
  Sbom: sbomSchema,
  SgxPolicy: sgxPolicySchema,
  SignatureResult: signatureResultSchema,
  SingleOmspResponse: singleOmspResponseSchema,
  SnpPolicy: snpPolicySchema,
  SwEvidence: swEvidenceSchema,
  TdxPolicy: tdxPolicySchema,
  Validity: validitySchema,
  X509CertExtracted: x509CertExtractedSchema,
} as never;

function schemaOf(entry: Entry): StructSchema<never> {
  const schema = schemas[entry.type];
  if (schema === undefined) throw new Error(`no schema for ${entry.type}`);
  return schema;
}

/** Members that CBOR cannot carry, because two fields of one structure have the same key. */
const JSON_ONLY: readonly string[] = ['partitionentryarraycrc32', 'partitions'];

/** What is left of a value decoded from JSON after a journey through CBOR. */
function asCborCarriesIt(value: unknown, isFlatMetadata: boolean): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (value instanceof Map || Array.isArray(value)) {
    const carried = Array.from(value, (item) => asCborCarriesIt(item, isFlatMetadata));
    return value instanceof Map ? new Map(carried as never) : carried;
  }
  const members = Object.entries(value).flatMap(([key, member]) => {
    if (key === 'taggedeventid' || key === 'taggedeventdata') return [[key, '']];
    if (JSON_ONLY.includes(key)) return [];
    if (isFlatMetadata && (key === 'omspServer' || key === 'location')) return [];
    return [[key, asCborCarriesIt(member, isFlatMetadata)]];
  });
  return Object.fromEntries(members);
}

test('there are 58 entries of 29 types', () => {
  expect(entries.length).toBe(58);
  expect(new Set(entries.map((entry) => entry.type)).size).toBe(29);
});

describe.each(entries)('$type, $note', (entry) => {
  const json = new TextEncoder().encode(entry.jsonText);
  const cbor = fromHex(entry.cborHex);

  test('JSON decodes and encodes to the same text', () => {
    const { value, serialization } = decodeStruct(schemaOf(entry), json);
    expect(serialization).toBe('json');
    const encoded = encodeStruct(schemaOf(entry), value, 'json');
    expect(new TextDecoder().decode(encoded)).toBe(entry.jsonText);
  });

  test('CBOR decodes and encodes to the same bytes', () => {
    const { value, serialization } = decodeStruct(schemaOf(entry), cbor);
    expect(serialization).toBe('cbor');
    expect(toHex(encodeStruct(schemaOf(entry), value, 'cbor'))).toBe(entry.cborHex);
  });

  test('what JSON says encodes to the CBOR bytes', () => {
    const { value } = decodeStruct(schemaOf(entry), json);
    expect(toHex(encodeStruct(schemaOf(entry), value, 'cbor'))).toBe(entry.cborHex);
  });

  test('JSON and CBOR decode to one value, but for members with one CBOR key', () => {
    const fromJson = decodeStruct(schemaOf(entry), json).value;
    const fromCbor = decodeStruct(schemaOf(entry), cbor).value;
    const isFlatMetadata = !['Manifest', 'ImageDescription'].includes(entry.type);
    expect(asCborCarriesIt(fromCbor, false)).toEqual(asCborCarriesIt(fromJson, isFlatMetadata));
  });
});
