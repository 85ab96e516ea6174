import type { AttestationResult } from '@cmc/attestationreport';
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
  const claims = appraisal('success', 'SNP Evidence', 'success', 'success', true);
  expect(claims.iat).toBe(1_666_529_184);
  expect(claims.submods.CMC).toMatchObject({
    ear_status: 'affirming',
    ear_trustworthiness_vector: { 'instance-identity': 2, hardware: 2, executables: 3 },
  });
});

test('a TPM says nothing about the hardware around it', () => {
  const { CMC } = appraisal('success', 'TPM Evidence', 'success', 'success', true).submods;
  expect(CMC['ear_trustworthiness_vector']).toStrictEqual({
    'instance-identity': 2,
    executables: 3,
  });
});

test.each([
  ['a wrong signature', 'fail', 'success', true, { 'instance-identity': 99 }],
  ['an unknown issuer', 'success', 'fail', true, { 'instance-identity': 97 }],
  ['an unknown event', 'success', 'success', false, { executables: 33 }],
])('%s is contraindicated and affirms nothing', (_, signature, chain, success, vector) => {
  const { CMC } = appraisal('fail', 'SNP Evidence', signature, chain, success).submods;
  expect(CMC['ear_status']).toBe('contraindicated');
  expect(CMC['ear_trustworthiness_vector']).toStrictEqual(vector);
});

test('an accepted report is never better than its worst claim', () => {
  const { CMC } = appraisal('success', 'SNP Evidence', 'success', 'success', false).submods;
  expect(CMC['ear_status']).toBe('warning');
});
