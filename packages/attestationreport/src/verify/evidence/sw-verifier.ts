import { CmcError, concatBytes, decodeUtf8, equalBytes, toHex } from '@cmc/bytes';
import { decodeStruct, swEvidenceSchema } from '../../codec/index.ts';
import { digest } from '../../crypto/index.ts';
import { ErrorCode } from '../../error-codes.ts';
import { verifySigned } from '../../sign/index.ts';
import type { Artifact, Component, SwEvidence } from '../../types/report.ts';
import type { MeasurementResult, Result, SignatureResult } from '../../types/result.ts';
import { parsePemPublicKey } from '../../x509/index.ts';
import { Findings, failed, NOT_REACHED } from '../findings.ts';
import { hashOf } from './components.ts';
import { matchContainers } from './containers.ts';
import type { EvidenceInput, EvidenceOutcome, EvidenceVerifier } from './evidence-verifier.ts';

const EVENT_LOG = 'SW Eventlog';
const AGGREGATE_BYTES = 32;

/**
 * Verifies software evidence: a container log, whose hash chain a key of the host signed. The key is
 * vouched for by nobody; what the evidence is worth depends on hardware evidence over the same
 * context.
 */
export const swVerifier: EvidenceVerifier = Object.freeze({
  evidenceType: 'SW Evidence',
  resultType: 'SW Result',
  trustAnchor: 'SW',
  verify: async (input: EvidenceInput): Promise<EvidenceOutcome> => ({
    result: await verifySoftware(input),
    hardware: false,
  }),
});

async function verifySoftware(input: EvidenceInput): Promise<MeasurementResult> {
  const { evidence, collateral, evidenceNonce, references, now } = input;
  const signed = await readEvidence(evidence.evidence, collateral.key, now);
  if ('fault' in signed) return refused(signed.fault, signed.signature);

  const findings = new Findings();
  const freshness = checkNonce(signed.evidence.nonce, evidenceNonce);
  if (freshness.status === 'fail') findings.fail(undefined, 'the evidence is for another nonce');

  const logs = collateral.artifacts ?? [];
  const otherLog = logs.find(({ type }) => type !== EVENT_LOG);
  if (otherLog !== undefined) {
    findings.fail(ErrorCode.ParseCollateral, `expected ${EVENT_LOG}, got ${otherLog.type}`);
  }
  const events = logs.flatMap((log: Artifact) => log.events ?? []);
  const { artifacts, success } = matchContainers(events, references);
  if (!success) findings.fail(undefined);

  const aggregate = aggregateEvents(events);
  if (!equalBytes(aggregate, signed.evidence.sha256 ?? new Uint8Array())) {
    findings.fail(
      ErrorCode.VerifyAggregatedSwHash,
      `expected ${toHex(aggregate)}, got ${toHex(signed.evidence.sha256 ?? new Uint8Array())}`,
    );
  }
  return {
    type: swVerifier.resultType,
    summary: findings.toResult(),
    freshness,
    signature: signed.signature,
    ...(artifacts.length === 0 ? {} : { artifacts }),
  };
}

type SignedEvidence =
  | { readonly evidence: SwEvidence; readonly signature: SignatureResult }
  | { readonly fault: Result; readonly signature?: SignatureResult };

async function readEvidence(
  jws: Uint8Array | null,
  pem: Uint8Array | undefined,
  now: Date,
): Promise<SignedEvidence> {
  if (jws === null || pem === undefined) {
    return { fault: failed(ErrorCode.VerifyEvidence, 'the evidence or its key is missing') };
  }
  let code: ErrorCode = ErrorCode.VerifyEvidence;
  try {
    const publicKey = parsePemPublicKey(decodeUtf8(pem, 'key'));
    const signed = await verifySigned(jws, { trust: { publicKey }, now, purpose: 'any' });
    const [signature] = signed.signatures;
    if (!signed.ok || signature === undefined) {
      const fault = failed(code, signed.details);
      return { fault, ...(signature === undefined ? {} : { signature }) };
    }
    code = ErrorCode.ParseEvidence;
    return { evidence: decodeStruct(swEvidenceSchema, signed.payload).value, signature };
  } catch (error) {
    if (!(error instanceof CmcError)) throw error;
    return { fault: failed(code, error.message) };
  }
}

function refused(summary: Result, signature: SignatureResult | undefined): MeasurementResult {
  return {
    type: swVerifier.resultType,
    summary,
    freshness: NOT_REACHED,
    signature: signature ?? {
      signatureVerification: NOT_REACHED,
      certChainValidation: NOT_REACHED,
    },
  };
}

function checkNonce(measured: Uint8Array | null, expected: Uint8Array): Result {
  const got = toHex(measured ?? new Uint8Array());
  return measured !== null && equalBytes(measured, expected)
    ? { status: 'success', got }
    : { status: 'fail', got, expected: toHex(expected) };
}

/** The hash chain over the log: each link is the hash of the one before and of one event. */
function aggregateEvents(events: readonly Component[]): Uint8Array {
  return events.reduce<Uint8Array>(
    (link, event) =>
      digest('SHA-256', concatBytes(link, hashOf(event, 'SHA-256') ?? new Uint8Array())),
    new Uint8Array(AGGREGATE_BYTES),
  );
}
