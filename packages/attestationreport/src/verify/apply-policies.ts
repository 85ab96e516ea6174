import { CmcError, decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { attestationResultSchema, decodeStruct, encodeStruct } from '../codec/index.ts';
import { ErrorCode } from '../error-codes.ts';
import type { AttestationResult, Result } from '../types/result.ts';
import type { Findings } from './findings.ts';
import { POLICY_OVERWROTE } from './note-texts.ts';
import type { VerifyOptions } from './options.ts';

/**
 * Lets the policy judge the result so far and records its verdict. A policy can refuse what was
 * accepted; where overwriting is allowed, it can also turn a failure into a warning, never more.
 */
export async function applyPolicies(
  options: VerifyOptions,
  findings: Findings,
  resultSoFar: () => AttestationResult,
): Promise<Result> {
  const { policies, policyEngine, policyOverwrite = false, signal } = options;
  if (policies === undefined) return findings.toResult();
  if (policyEngine === undefined) {
    findings.fail(ErrorCode.PolicyEngineNotImplemented, 'a policy was given without an engine');
    return findings.toResult();
  }
  // Without permission to overwrite, nothing that a policy says could change a failure.
  if (findings.failed && !policyOverwrite) return findings.toResult();

  const resultJson = decodeUtf8(encodeStruct(attestationResultSchema, resultSoFar(), 'json'));
  const wait = signal === undefined ? {} : { signal };
  const answer = await policyEngine.evaluate(policies, resultJson, wait);
  switch (answer.verdict) {
    case 'accept':
      return findings.toResult();
    case 'overwrite':
      return overwrite(answer.resultJson, policyOverwrite, findings);
    default:
      findings.fail(ErrorCode.VerifyPolicies, answer.reason);
      return findings.toResult();
  }
}

function overwrite(resultJson: string, allowed: boolean, findings: Findings): Result {
  if (!allowed) {
    const details = 'the policy wants to overwrite the result, which is not allowed';
    findings.fail(ErrorCode.VerifyPolicies, details);
    return findings.toResult();
  }
  const wanted = readStatus(resultJson);
  if (wanted !== 'success' && wanted !== 'warn') {
    findings.fail(ErrorCode.VerifyPolicies, 'the policy overwrote the result with a failure');
    return findings.toResult();
  }
  if (findings.failed) return asWarning(findings.toResult());
  if (wanted === 'warn') {
    findings.warn(ErrorCode.VerifyPolicies, 'the policy overwrote the result with a warning');
  }
  return findings.toResult();
}

function asWarning(failure: Result): Result {
  return {
    ...failure,
    status: 'warn',
    details: [POLICY_OVERWROTE, failure.details].filter(Boolean).join('\n'),
  };
}

function readStatus(resultJson: string): string | undefined {
  try {
    return decodeStruct(attestationResultSchema, encodeUtf8(resultJson)).value.summary.status;
  } catch (error) {
    if (error instanceof CmcError) return undefined;
    throw error;
  }
}
