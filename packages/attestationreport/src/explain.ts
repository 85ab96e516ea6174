import { printable } from './explain/finding.ts';
import { findings } from './explain/findings.ts';
import type { AttestationResult } from './types/result.ts';

const MAX_SENTENCES = 100;

/**
 * The verdict in sentences for people: the first says whether the report is accepted, the others are
 * the texts of its `findings`, the first fault first. Safe to print: control characters of names and
 * texts, which may come from the prover, are replaced.
 */
export function explain(result: AttestationResult): readonly string[] {
  const sentences = [printable(verdict(result)), ...findings(result).map(({ text }) => text)];
  if (sentences.length <= MAX_SENTENCES) return sentences;
  const more = sentences.length - MAX_SENTENCES + 1;
  return [...sentences.slice(0, MAX_SENTENCES - 1), `${more} more sentences are left out.`];
}

function verdict(result: AttestationResult): string {
  const { hostname } = result.prover;
  const report = hostname === undefined ? 'The report' : `The report of ${hostname}`;
  switch (result.summary.status) {
    case 'success':
      return `${report} is accepted at certification level ${result.certLevel}.`;
    case 'warn':
      return `${report} is accepted with a warning at certification level ${result.certLevel}.`;
    default:
      return `${report} is refused.`;
  }
}
