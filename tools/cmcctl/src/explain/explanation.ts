import {
  type AttestationResult,
  explain,
  type Finding,
  findings,
  REASONS,
  type Reason,
  reasonLink,
} from '@cmc/attestationreport';

/** A finding together with what its reason says. */
export interface ExplainedFinding extends Finding, Omit<Reason, 'severity'> {
  readonly link: string;
}

/** A result, explained; the output of `explain --json`, whose shape is stable. */
export interface Explanation {
  readonly verdict: 'success' | 'warn' | 'fail';
  /** The verdict in a sentence. */
  readonly sentence: string;
  readonly host?: string;
  readonly created?: string;
  readonly certLevel: number;
  /** The first fault first. */
  readonly findings: readonly ExplainedFinding[];
}

/** Explains a result. */
export function explainResult(result: AttestationResult): Explanation {
  const { summary, prover, created, certLevel } = result;
  const isKnown = summary.status === 'success' || summary.status === 'warn';
  return {
    verdict: isKnown ? (summary.status as 'success' | 'warn') : 'fail',
    sentence: explain(result)[0] ?? '',
    ...(prover.hostname === undefined ? {} : { host: prover.hostname }),
    ...(created === undefined ? {} : { created }),
    certLevel,
    findings: findings(result).map((finding) => {
      const { severity: _, ...reason } = REASONS[finding.id];
      return { ...finding, ...reason, link: reasonLink(finding.id) };
    }),
  };
}
