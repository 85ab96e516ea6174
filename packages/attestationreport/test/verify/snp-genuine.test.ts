import { expect, test } from 'vitest';
import { AMD_ROOT_FINGERPRINTS } from '../../src/snp/index.ts';
import type { SnpPolicy } from '../../src/types/metadata.ts';
import { snpVerifier } from '../../src/verify/evidence/snp-verifier.ts';
import { bytesOf, caseOf, certificatesOf, timeOf } from '../snp/vectors.ts';
import { snpReference } from '../support/snp.ts';

const entry = caseOf('milan-v2-cmc-valid');
const report = bytesOf(entry.file);
const policy: SnpPolicy = {
  reportMinVersion: 2,
  reportMaxVersion: 2,
  policy: {
    type: 'SNP Policy',
    singleSocket: false,
    debug: false,
    migration: false,
    smt: true,
    abiMajor: 0,
    abiMinor: 0,
  },
  versions: [
    {
      name: 'Milan',
      fw: { major: 1, minor: 51, build: 3 },
      tcb: { fmc: 0, bl: 2, tee: 0, snp: 6, ucode: 67 },
    },
  ],
};

const verify = async (caFingerprints: readonly string[]) => {
  const { result } = await snpVerifier.verify({
    evidence: { type: 'SNP Evidence', evidence: report },
    collateral: { type: 'SNP Evidence', certs: certificatesOf(entry).map(({ raw }) => raw) },
    references: [{ component: snpReference(report.slice(0x90, 0xc0)), manifest: 'rtm' }],
    evidenceNonce: new Uint8Array(64).fill(0x23),
    rootManifest: { caFingerprints, snpPolicy: policy },
    roots: [],
    now: timeOf(entry),
    verifiedAnchors: new Set(),
  });
  return result;
};

test('a genuine report is accepted with the roots that are pinned', async () => {
  const result = await verify([AMD_ROOT_FINGERPRINTS.Milan]);
  expect(result.summary).toEqual({ status: 'success' });
  expect(result.signature.certChainValidation).toEqual({
    status: 'success',
    got: AMD_ROOT_FINGERPRINTS.Milan,
  });
});

test('R28 it is refused when the root manifest lists the root of another generation', async () => {
  const { summary } = await verify([AMD_ROOT_FINGERPRINTS.Genoa]);
  expect(summary.status).toBe('fail');
});
