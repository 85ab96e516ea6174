import { DecodeError, equalBytes, toHex } from '@cmc/bytes';
import {
  type Check,
  type CheckId,
  computePcrDigest,
  decodeTpmsAttest,
  decodeTpmtSignature,
  type HashName,
  type TpmsQuoteAttest,
  verifyQuote,
} from 'tpm2-ts/verify';
import { digest } from '../../crypto/index.ts';
import { ErrorCode } from '../../error-codes.ts';
import type { Artifact, Component } from '../../types/report.ts';
import type { DigestResult, MeasurementResult, Result, TpmResult } from '../../types/result.ts';
import {
  type Certificate,
  extractCertificate,
  parseCertificate,
  verifyChain,
} from '../../x509/index.ts';
import { Findings, failed, NOT_REACHED, PASSED } from '../findings.ts';
import type { EvidenceInput, EvidenceOutcome, EvidenceVerifier } from './evidence-verifier.ts';
import { checkBootAggregates } from './tpm-boot-aggregate.ts';
import { attestationCertificateProblem } from './tpm-certificate.ts';
import { clockProblem, type TpmClock } from './tpm-clock.ts';
import { FileSignatures, IMA_PCR } from './tpm-ima.ts';
import { appraiseEventLog, appraiseSummary, type PcrOutcome } from './tpm-log.ts';
import { TpmReferences } from './tpm-references.ts';

const EVENT_LOG = 'PCR Eventlog';
const SUMMARY = 'PCR Summary';
/** Banks that may be quoted: SHA-1 is no proof of anything any more. */
const BANKS: readonly HashName[] = ['SHA-256', 'SHA-384', 'SHA-512'];
const MAX_CERTIFICATES = 16;
const MAX_PCRS = 24;
/** Checks of the quote that are about its signature. */
const SIGNATURE_CHECKS: Readonly<Partial<Record<CheckId, ErrorCode>>> = {
  'signature-format': ErrorCode.Parse,
  key: ErrorCode.ExtractPubKey,
  'signature-algorithm': ErrorCode.UnsupportedAlgorithm,
  signature: ErrorCode.VerifySignature,
};
/** Checks that have a place of their own in the result. */
const ELSEWHERE: ReadonlySet<CheckId> = new Set(['nonce', 'pcr-digest', 'pcr-digest-size']);

/**
 * Verifies the evidence of a TPM: a quote by an attestation key under the roots, over the values that
 * the logs give, every event of which must have a reference value, or be of a file that is signed.
 */
export const tpmVerifier: EvidenceVerifier = Object.freeze({
  evidenceType: 'TPM Evidence',
  resultType: 'TPM Result',
  trustAnchor: 'TPM',
  verify: async (input: EvidenceInput): Promise<EvidenceOutcome> => {
    const { result, clock } = await verifyTpm(input);
    return { result, hardware: true, ...(clock === undefined ? {} : { clock }) };
  },
});

interface TpmOutcome {
  readonly result: MeasurementResult;
  /** Of a quote that was accepted, to be remembered with the report. */
  readonly clock?: { readonly key: string; readonly value: TpmClock };
}

async function verifyTpm(input: EvidenceInput): Promise<TpmOutcome> {
  const { evidence, collateral, evidenceNonce } = input;
  const attest = evidence.evidence ?? new Uint8Array();
  const read = readQuote(attest);
  if ('fault' in read) return { result: refused(read.fault) };
  const { quote, bank } = read;
  const certificates = readCertificates(collateral.certs ?? []);
  if ('fault' in certificates) return { result: refused(certificates.fault) };
  const [leaf] = certificates.value;

  const findings = new Findings();
  const references = new TpmReferences(input.references, bank);
  for (const fault of references.faults) findings.fail(ErrorCode.RefValType, fault);
  const { imaKeyring } = input;
  const signatures = imaKeyring === undefined ? undefined : new FileSignatures(imaKeyring);
  const logs = appraiseArtifacts(collateral.artifacts ?? [], quote, bank, references, signatures);
  for (const problem of logs.problems) findings.fail(ErrorCode.PcrNotSpecified, problem);

  const signature = evidence.signature ?? new Uint8Array();
  const pcrs = new Map(logs.outcomes.map(({ index, measured }) => [index, measured]));
  const { checks } = await verifyQuote({
    attest,
    signature,
    key: { spki: leaf.spki },
    nonce: evidenceNonce,
    banks: [bank],
    requiredPcrs: [...pcrs.keys()],
    pcrs: new Map([[bank, pcrs]]),
  });
  const freshness = freshnessOf(quote, evidenceNonce);
  if (freshness.status === 'fail') findings.fail(undefined, 'the quote is for another nonce');
  const signatureVerification = signatureResult(checks);
  if (signatureVerification.status === 'fail') findings.fail(undefined);
  for (const { id, ok, details } of checks) {
    if (ok || ELSEWHERE.has(id) || SIGNATURE_CHECKS[id] !== undefined) continue;
    findings.fail(ErrorCode.ParseEvidence, `${id}: ${details ?? 'failed'}`);
  }
  const aggPcrQuoteMatch = quoteMatch(quote, signature, bank, pcrs, checks);
  if (aggPcrQuoteMatch.status === 'fail') {
    findings.fail(undefined, 'the logs do not give the values that the TPM quoted');
  }

  for (const { index, events, reported } of logs.outcomes) {
    if (index !== IMA_PCR) continue;
    const allowUnchecked = input.tpmAllowUncheckedBootAggregate ?? false;
    checkBootAggregates(
      { results: events, events: reported, pcrs, bank, allowUnchecked },
      findings,
    );
  }

  const chain = await chainOf(certificates.value, input);
  if (chain.result.status === 'fail') findings.fail(undefined);
  const key = toHex(digest('SHA-256', leaf.spki));
  const clock = quote.clockInfo;
  const backwards = clock.safe
    ? clockProblem(clock, input.tpmClocks?.lastSeen(key))
    : 'the clock of the TPM may have gone back, it says so itself';
  if (backwards !== undefined) findings.fail(ErrorCode.Freshness, backwards);

  const missing = logs.outcomes.flatMap(({ index, isLog }) =>
    isLog ? references.missing(index) : [],
  );
  const unmeasured = references.indices
    .filter((index) => !pcrs.has(index))
    .flatMap((index) =>
      references.ofPcr(index).map(({ component }) => references.absent(component, index)),
    );
  const artifacts = [...logs.outcomes.flatMap(({ events }) => events), ...missing, ...unmeasured];
  if (artifacts.some(({ success }) => !success)) findings.fail(undefined);
  if (unmeasured.length > 0) {
    const indices = [...new Set(unmeasured.map(({ index }) => index))].join(', ');
    findings.fail(undefined, `PCR ${indices} has reference values and was not reported`);
  }
  // A verdict needs something that was compared: an event with a mandatory or optional reference.
  // Signatures of files say nothing of the machine that runs them.
  const isCompared = ({ success, launched, imaKeyId }: DigestResult): boolean =>
    success && launched && imaKeyId === undefined;
  if (!artifacts.some(isCompared)) {
    findings.fail(ErrorCode.RefValNotPresent, 'no event was compared with a reference value');
  }

  const result: MeasurementResult = {
    type: tpmVerifier.resultType,
    summary: findings.toResult(),
    freshness,
    signature: {
      signatureVerification,
      certChainValidation: chain.result,
      ...(chain.certs === undefined ? {} : { certs: chain.certs }),
    },
    ...(artifacts.length === 0 ? {} : { artifacts }),
    tpmResult: { pcrMatch: pcrMatch(logs.outcomes, bank, artifacts), aggPcrQuoteMatch },
  };
  return findings.failed ? { result } : { result, clock: { key, value: clock } };
}

function refused(summary: Result): MeasurementResult {
  return {
    type: tpmVerifier.resultType,
    summary,
    freshness: NOT_REACHED,
    signature: { signatureVerification: NOT_REACHED, certChainValidation: NOT_REACHED },
  };
}

type Attempt<T> = T | { readonly fault: Result };

function readQuote(
  attest: Uint8Array,
): Attempt<{ readonly quote: TpmsQuoteAttest; readonly bank: HashName }> {
  try {
    const quote = decodeTpmsAttest(attest);
    if (quote.type !== 'quote') {
      return { fault: failed(ErrorCode.ParseEvidence, `expected a quote, got a ${quote.type}`) };
    }
    const [selection, ...more] = quote.pcrSelect;
    if (selection === undefined || more.length > 0 || selection.pcrs.length === 0) {
      const got = quote.pcrSelect.map(({ bank, pcrs }) => `${bank} (${pcrs.length})`).join(', ');
      const details = `expected one bank with PCRs, got ${got || 'none'}`;
      return { fault: failed(ErrorCode.ParseEvidence, details) };
    }
    if (!BANKS.includes(selection.bank)) {
      const details = `expected bank ${BANKS.join(', ')}, got ${selection.bank}`;
      return { fault: failed(ErrorCode.UnsupportedAlgorithm, details) };
    }
    return { quote, bank: selection.bank };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { fault: failed(ErrorCode.ParseEvidence, error.message) };
  }
}

function readCertificates(
  certs: readonly Uint8Array[],
): Attempt<{ readonly value: readonly [Certificate, ...Certificate[]] }> {
  try {
    const [leaf, ...others] = certs.slice(0, MAX_CERTIFICATES).map((der) => parseCertificate(der));
    if (leaf === undefined || certs.length > MAX_CERTIFICATES) {
      const details = `expected 1 to ${MAX_CERTIFICATES} certificates, got ${certs.length}`;
      return { fault: failed(ErrorCode.ParseCert, details) };
    }
    return { value: [leaf, ...others] };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { fault: failed(ErrorCode.ParseCert, error.message) };
  }
}

interface ArtifactOutcome extends PcrOutcome {
  readonly isLog: boolean;
  /** Events as they came. */
  readonly reported: readonly Component[];
}

interface Logs {
  readonly outcomes: readonly ArtifactOutcome[];
  readonly problems: readonly string[];
}

/** One artifact for each PCR that is quoted, and none for another: the quote says which. */
function appraiseArtifacts(
  artifacts: readonly Artifact[],
  quote: TpmsQuoteAttest,
  bank: HashName,
  references: TpmReferences,
  signatures: FileSignatures | undefined,
): Logs {
  const problems: string[] = [];
  const quoted = new Set(quote.pcrSelect.flatMap(({ pcrs }) => pcrs));
  const outcomes: ArtifactOutcome[] = [];
  const seen = new Set<number>();
  for (const artifact of artifacts.slice(0, MAX_PCRS)) {
    const { type, index } = artifact;
    if (type !== EVENT_LOG && type !== SUMMARY) {
      problems.push(`expected ${EVENT_LOG} or ${SUMMARY}, got ${JSON.stringify(type)}`);
    } else if (!quoted.has(index)) {
      problems.push(`PCR ${index} is reported, but not quoted`);
    } else if (seen.has(index)) {
      problems.push(`PCR ${index} is reported twice`);
    } else {
      seen.add(index);
      const isLog = type === EVENT_LOG;
      const outcome = isLog
        ? appraiseEventLog(artifact, bank, references, signatures)
        : appraiseSummary(artifact, bank, references);
      outcomes.push({ ...outcome, isLog, reported: artifact.events ?? [] });
      problems.push(...outcome.problems);
    }
  }
  if (artifacts.length > MAX_PCRS) {
    problems.push(`${artifacts.length} artifacts, at most ${MAX_PCRS} are accepted`);
  }
  const silent = [...quoted].filter((index) => !seen.has(index));
  if (silent.length > 0) problems.push(`PCR ${silent.join(', ')} is quoted, but not reported`);
  return { outcomes, problems };
}

function freshnessOf({ extraData }: TpmsQuoteAttest, nonce: Uint8Array): Result {
  const got = toHex(extraData);
  return equalBytes(extraData, nonce)
    ? { status: 'success', got }
    : { status: 'fail', expected: toHex(nonce), got };
}

function signatureResult(checks: readonly Check[]): Result {
  const about = checks.filter(({ id }) => SIGNATURE_CHECKS[id] !== undefined);
  const bad = about.find(({ ok }) => !ok);
  if (bad !== undefined) {
    return failed(SIGNATURE_CHECKS[bad.id] ?? ErrorCode.VerifySignature, bad.details);
  }
  return about.some(({ id }) => id === 'signature')
    ? PASSED
    : failed(ErrorCode.VerifySignature, 'the signature was not checked');
}

function quoteMatch(
  quote: TpmsQuoteAttest,
  signature: Uint8Array,
  bank: HashName,
  pcrs: ReadonlyMap<number, Uint8Array>,
  checks: readonly Check[],
): Result {
  const about = checks.filter(({ id }) => id === 'pcr-digest' || id === 'pcr-digest-size');
  if (about.length === 2 && about.every(({ ok }) => ok)) return PASSED;
  const got = toHex(quote.pcrDigest);
  try {
    const { hash } = decodeTpmtSignature(signature);
    const computed = computePcrDigest(quote.pcrSelect, new Map([[bank, pcrs]]), hash);
    if ('digest' in computed) return { status: 'fail', expected: toHex(computed.digest), got };
    return { status: 'fail', got, details: computed.problem };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { status: 'fail', got };
  }
}

/** By PCR: the value of the events that are known, and the value of all where that is another. */
function pcrMatch(
  outcomes: Logs['outcomes'],
  hashAlg: HashName,
  artifacts: readonly DigestResult[],
): TpmResult['pcrMatch'] {
  return [...outcomes]
    .sort((a, b) => a.index - b.index)
    .map(({ index, measured, verified, problems }): DigestResult => {
      const isSame = equalBytes(measured, verified);
      const isKnown = artifacts.every((each) => each.index !== index || each.success);
      return {
        success: isSame && isKnown && problems.length === 0,
        launched: false,
        index,
        digest: verified,
        hashAlg,
        ...(isSame ? {} : { measured: toHex(measured) }),
      };
    });
}

/** What vouches for a virtual TPM: the confidential virtual machine below it. */
const MACHINES = ['SNP', 'TDX', 'SGX'] as const;

async function chainOf(
  [leaf, ...intermediates]: readonly [Certificate, ...Certificate[]],
  { roots: trusted, now, tpmAllowTlsKeys = false, verifiedAnchors }: EvidenceInput,
): Promise<{
  readonly result: Result;
  readonly certs?: readonly (readonly ReturnType<typeof extractCertificate>[])[];
}> {
  // The key of a virtual TPM vouches for itself: its certificate is part of the context, which the
  // evidence of the machine commits to.
  const isOwnRoot =
    MACHINES.some((anchor) => verifiedAnchors.has(anchor)) &&
    equalBytes(leaf.subjectName.raw, leaf.issuerName.raw);
  const roots = isOwnRoot ? [leaf] : trusted;
  const isAnyKey = isOwnRoot || tpmAllowTlsKeys;
  const problem = isAnyKey ? undefined : attestationCertificateProblem(leaf);
  const purpose = isAnyKey ? 'any' : 'attestation-key';
  const chain = await verifyChain({ leaf, intermediates, roots, now, purpose });
  if (!chain.ok) return { result: failed(ErrorCode.VerifyCertChain, chain.reason) };
  const certs = chain.chains.map((list) => list.map(extractCertificate));
  return problem === undefined
    ? { result: PASSED, certs }
    : { result: failed(ErrorCode.VerifyCertChain, problem), certs };
}
