import type { AttestationResult } from '@cmc/attestationreport';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { earClaims } from '../src/verify/ear.ts';

const nonce = new Uint8Array(8);

function appraisal(
  status: string,
  type: string,
  signature: string,
  chain: string,
  success: boolean,
) {
  const result = {
    summary: { status },
    measurements: [
      {
        type,
        summary: { status },
        freshness: { status: 'success' },
        signature: {
          signatureVerification: { status: signature },
          certChainValidation: { status: chain },
        },
        artifacts: [{ success, launched: true, index: 0 }],
      },
    ],
  } as unknown as AttestationResult;
  const claims = earClaims(result, nonce, new Date(1_666_529_184_000));
  return claims as { iat: number; submods: { CMC: Record<string, unknown> } };
}

test('hardware evidence that holds is affirmed: hardware, instance, executables', () => {
  const claims = appraisal('success', 'SNP Result', 'success', 'success', true);
  expect(claims.iat).toBe(1_666_529_184);
  expect(claims.submods.CMC).toMatchObject({
    ear_status: 'affirming',
    ear_trustworthiness_vector: { 'instance-identity': 2, hardware: 2, executables: 3 },
  });
});

test('a TPM says nothing about the hardware around it', () => {
  const { CMC } = appraisal('success', 'TPM Result', 'success', 'success', true).submods;
  expect(CMC['ear_trustworthiness_vector']).toStrictEqual({
    'instance-identity': 2,
    executables: 3,
  });
});

test.each([
  [
    'a wrong signature',
    ['fail', 'success', true],
    { 'instance-identity': 99, executables: 99, hardware: 99 },
  ],
  [
    'an unknown issuer',
    ['success', 'fail', true],
    { 'instance-identity': 97, executables: 0, hardware: 97 },
  ],
  ['an unknown event', ['success', 'success', false], { 'instance-identity': 0, executables: 33 }],
] as const)('%s is contraindicated and affirms nothing', (_, evidence, vector) => {
  const [signature, chain, ok] = evidence;
  const { CMC } = appraisal('fail', 'SNP Result', signature, chain, ok).submods;
  expect(CMC['ear_status']).toBe('contraindicated');
  expect(CMC['ear_trustworthiness_vector']).toStrictEqual(vector);
});

test('software evidence asserts nothing, and its vector says so', () => {
  const { CMC } = appraisal('success', 'SW Result', 'success', 'success', true).submods;
  expect(CMC).toMatchObject({
    ear_status: 'none',
    ear_trustworthiness_vector: { 'instance-identity': 0, executables: 0 },
  });
});

test('an accepted report is never better than its worst claim', () => {
  const { CMC } = appraisal('success', 'SNP Result', 'success', 'success', false).submods;
  expect(CMC['ear_status']).toBe('warning');
});

/** Claims as draft-ietf-rats-ear-04 has them in JSON; what it does not name is refused. */
const claim = v.pipe(v.number(), v.integer(), v.minValue(-128), v.maxValue(127));
const eatNonce = v.pipe(v.string(), v.base64(), v.minLength(12), v.maxLength(88));
const tier = v.picklist(['none', 'affirming', 'warning', 'contraindicated']);
const aspects = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const;
const earClaimsSet = v.strictObject({
  eat_profile: v.literal('tag:ietf.org,2026:rats/ear#04'),
  ear_status: v.exactOptional(tier),
  iat: v.pipe(v.number(), v.integer()),
  exp: v.exactOptional(v.pipe(v.number(), v.integer())),
  ear_verifier_id: v.strictObject({ developer: v.string(), build: v.string() }),
  ear_raw_evidence: v.exactOptional(v.pipe(v.string(), v.regex(/^[\w-]+$/))),
  submods: v.pipe(
    v.record(
      v.string(),
      v.strictObject({
        ear_status: tier,
        ear_trustworthiness_vector: v.exactOptional(
          v.pipe(
            v.strictObject(v.entriesFromList(aspects, v.exactOptional(claim))),
            v.check((vector) => Object.keys(vector).length > 0, 'an empty vector'),
          ),
        ),
        ear_appraisal_policy_ids: v.exactOptional(v.pipe(v.array(v.string()), v.minLength(1))),
        eat_nonce: v.exactOptional(eatNonce),
      }),
    ),
    v.check((submods) => Object.keys(submods).length > 0, 'no submods'),
  ),
  eat_nonce: v.exactOptional(eatNonce),
});
/** Where the tiers of AR4SI begin. */
const TIERS = { none: 0, affirming: 2, warning: 32, contraindicated: 96 } as const;

test('the shape that is checked here is that of the example of the draft', () => {
  const ids = ['https://veraison.example/policy/1/60a0068d'];
  const example = {
    eat_profile: 'tag:ietf.org,2026:rats/ear#04',
    iat: 1_666_529_184,
    ear_verifier_id: { developer: 'https://veraison-project.org', build: 'vts 0.0.1' },
    ear_raw_evidence: 'NzQ3MjY5NzM2NTYzNzQK',
    submods: {
      PSA: {
        ear_status: 'contraindicated',
        ear_trustworthiness_vector: { 'instance-identity': 2, executables: 96, hardware: 2 },
        ear_appraisal_policy_ids: ids,
      },
    },
  };
  expect(v.is(earClaimsSet, example)).toBe(true);
  expect(v.is(earClaimsSet, { ...example, 'ear.verifier-id': {} })).toBe(false);
  expect(v.is(earClaimsSet, { ...example, submods: {} })).toBe(false);
});

test.each([
  ['SNP Result', 'success', 'success', 'success', true],
  ['TPM Result', 'success', 'success', 'success', false],
  ['SW Result', 'success', 'success', 'success', true],
  ['TDX Result', 'fail', 'fail', 'success', true],
  ['SGX Result', 'fail', 'success', 'fail', true],
  ['SW Result', 'warn', 'success', 'success', true],
] as const)('claims have the shape of the draft: %s, %s', (type, status, signature, chain, ok) => {
  const claims = v.parse(earClaimsSet, appraisal(status, type, signature, chain, ok));
  for (const { ear_status, ear_trustworthiness_vector = {} } of Object.values(claims.submods)) {
    const worst = Math.max(...Object.values(ear_trustworthiness_vector));
    const tiers = Object.values(TIERS).filter((start) => start <= worst);
    expect(TIERS[ear_status]).toBeGreaterThanOrEqual(tiers.at(-1) ?? 0);
  }
});
