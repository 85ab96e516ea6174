import { CmcError } from '@cmc/bytes';
import type { ImaKeyring } from '@cmc/ima';
import type { WaitOptions } from '../contract.ts';
import { ErrorCode } from '../error-codes.ts';
import type { Manifest } from '../types/metadata.ts';
import type { Collateral, Evidence, UnverifiedReport } from '../types/report.ts';
import type { MeasurementResult } from '../types/result.ts';
import type { Certificate } from '../x509/index.ts';
import type {
  EvidenceInput,
  EvidenceOutcome,
  EvidenceVerifier,
  Reference,
  TrustAnchor,
} from './evidence/evidence-verifier.ts';
import { EVIDENCE_VERIFIERS } from './evidence/registry.ts';
import type { TpmClockStore } from './evidence/tpm-clock.ts';
import { type Findings, failed, NOT_REACHED } from './findings.ts';
import { NO_HARDWARE_ANCHOR } from './note-texts.ts';

/** Evidences in one report, and collaterals; there are fewer types of them. */
export const MAX_EVIDENCES = 32;

export interface VerifyEvidencesOptions extends WaitOptions {
  /** In the order in which they run. Default: all that there are. */
  readonly verifiers?: readonly EvidenceVerifier[];
  readonly report: UnverifiedReport;
  readonly references: ReadonlyMap<TrustAnchor, readonly Reference[]>;
  readonly evidenceNonce: Uint8Array;
  readonly rootManifest: Manifest | undefined;
  readonly roots: readonly Certificate[];
  readonly now: Date;
  readonly tpmClocks?: TpmClockStore;
  readonly tpmAllowTlsKeys?: boolean;
  readonly tpmAllowUncheckedBootAggregate?: boolean;
  readonly imaKeyring?: ImaKeyring;
  readonly snpRoots?: readonly Certificate[];
  readonly snpRevocationLists?: readonly Uint8Array[];
}

export interface VerifiedEvidences {
  /** In the order of the report. */
  readonly measurements: readonly MeasurementResult[];
  /** Whether hardware vouches for at least one of them. */
  readonly hardware: boolean;
  /** Clocks of TPMs, to be remembered when the report is accepted. */
  readonly clocks: readonly NonNullable<EvidenceOutcome['clock']>[];
}

/**
 * Verifies all evidence of a report and that nothing is missing: whoever measures mandatory
 * reference values must have given verified evidence, and something must have been compared.
 */
export async function verifyEvidences(
  options: VerifyEvidencesOptions,
  findings: Findings,
): Promise<VerifiedEvidences> {
  const { report, references, verifiers = EVIDENCE_VERIFIERS, ...common } = options;
  const evidences = report.evidences ?? [];
  const collaterals = report.context.collateral ?? [];
  if (evidences.length > MAX_EVIDENCES || collaterals.length > MAX_EVIDENCES) {
    const got = `${evidences.length} evidences and ${collaterals.length} collaterals`;
    findings.fail(ErrorCode.EvidenceType, `expected at most ${MAX_EVIDENCES} of each, got ${got}`);
    return { measurements: [], hardware: false, clocks: [] };
  }
  if (evidences.length === 0) findings.fail(ErrorCode.NotPresent, 'the report has no evidence');
  const known = new Set(verifiers.map(({ evidenceType }) => evidenceType));
  refuseUnusable(known, evidences, collaterals, findings);

  const outcomes = new Map<Evidence, EvidenceOutcome>();
  const verifiedAnchors = new Set<TrustAnchor>();
  for (const verifier of verifiers) {
    const evidence = only(evidences, verifier.evidenceType);
    const collateral = only(collaterals, verifier.evidenceType);
    if (evidence === undefined || collateral === undefined) continue;
    const outcome = await runVerifier(verifier, {
      ...common,
      evidence,
      collateral,
      references: references.get(verifier.trustAnchor) ?? [],
      verifiedAnchors: new Set(verifiedAnchors),
    });
    outcomes.set(evidence, outcome);
    if (outcome.result.summary.status === 'success') verifiedAnchors.add(verifier.trustAnchor);
    else findings.fail(ErrorCode.VerifyMeasurement);
  }
  requireCoverage(references, verifiedAnchors, findings);

  const inOrder = evidences.flatMap((evidence) => outcomes.get(evidence) ?? []);
  if (evidences.length > 0 && !inOrder.some(comparedSomething)) {
    findings.fail(ErrorCode.RefValNotPresent, 'no measurement was compared with a reference value');
  }
  const hardware = inOrder.some(
    (outcome) => outcome.hardware && outcome.result.summary.status === 'success',
  );
  const measurements = inOrder.map(({ result }) => (hardware ? result : withWarning(result)));
  const clocks = inOrder.flatMap(({ clock }) => clock ?? []);
  return { measurements, hardware, clocks };
}

function refuseUnusable(
  known: ReadonlySet<string>,
  evidences: readonly Evidence[],
  collaterals: readonly Collateral[],
  findings: Findings,
): void {
  for (const type of new Set(evidences.map((evidence) => evidence.type))) {
    if (!known.has(type)) {
      const details = `unsupported measurement type ${JSON.stringify(type)}`;
      findings.fail(ErrorCode.MeasurementTypeNotSupported, details);
    } else if (only(evidences, type) === undefined) {
      findings.fail(ErrorCode.EvidenceType, `more than one evidence of type ${type}`);
    } else if (!collaterals.some((collateral) => collateral.type === type)) {
      findings.fail(ErrorCode.VerifyMeasurement, `no collateral for evidence ${type}`);
    }
  }
  for (const type of new Set(collaterals.map((collateral) => collateral.type))) {
    if (only(collaterals, type) === undefined) {
      findings.fail(ErrorCode.ParseCollateral, `more than one collateral of type ${type}`);
    } else if (!evidences.some((evidence) => evidence.type === type)) {
      const details = `collateral of type ${JSON.stringify(type)} without evidence`;
      findings.fail(ErrorCode.ParseCollateral, details);
    }
  }
}

/** The one element of a type; `undefined` when there is none or more than one. */
function only<T extends { readonly type: string }>(all: readonly T[], type: string): T | undefined {
  const [first, second] = all.filter((element) => element.type === type);
  return second === undefined ? first : undefined;
}

async function runVerifier(
  verifier: EvidenceVerifier,
  input: EvidenceInput,
): Promise<EvidenceOutcome> {
  try {
    return await verifier.verify(input);
  } catch (error) {
    input.signal?.throwIfAborted();
    const code = error instanceof CmcError ? ErrorCode.ParseEvidence : ErrorCode.Internal;
    const details = error instanceof Error ? error.message : String(error);
    return {
      hardware: false,
      result: {
        type: verifier.resultType,
        summary: failed(code, details),
        freshness: NOT_REACHED,
        signature: { signatureVerification: NOT_REACHED, certChainValidation: NOT_REACHED },
      },
    };
  }
}

function requireCoverage(
  references: ReadonlyMap<TrustAnchor, readonly Reference[]>,
  verifiedAnchors: ReadonlySet<TrustAnchor>,
  findings: Findings,
): void {
  for (const [anchor, components] of references) {
    const mandatory = components.find(({ component }) => component.optional !== true);
    if (mandatory === undefined || verifiedAnchors.has(anchor)) continue;
    const { component, manifest } = mandatory;
    findings.fail(
      ErrorCode.NotPresent,
      `no verified ${anchor} evidence, which ${component.name} of manifest ${manifest} needs`,
    );
  }
}

function comparedSomething({ result }: EvidenceOutcome): boolean {
  return (result.artifacts ?? []).some(({ success, launched }) => success && launched);
}

function withWarning(result: MeasurementResult): MeasurementResult {
  const { summary } = result;
  if (summary.status !== 'success') return result;
  const details = [NO_HARDWARE_ANCHOR, summary.details].filter(Boolean).join('\n');
  return { ...result, summary: { ...summary, details } };
}
