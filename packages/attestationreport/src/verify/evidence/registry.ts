import type { EvidenceVerifier } from './evidence-verifier.ts';
import { snpVerifier } from './snp-verifier.ts';
import { swVerifier } from './sw-verifier.ts';
import { tpmVerifier } from './tpm-verifier.ts';

/**
 * All verifiers of evidence, in the order in which evidence is verified: those that others build on
 * (the confidential VM below a virtual TPM) come first.
 */
export const EVIDENCE_VERIFIERS: readonly EvidenceVerifier[] = Object.freeze([
  snpVerifier,
  tpmVerifier,
  swVerifier,
]);
