import type { ReasonId, Severity } from './reason.ts';

/** One thing that is wrong with a report, or to know about it. */
export interface Finding {
  /** A reason of `REASONS`, which has causes and a remedy. */
  readonly id: ReasonId;
  readonly severity: Severity;
  /** The member of the result that says so: `metadata.manifestResults[1].validityCheck`. */
  readonly path: string;
  /** One sentence. Like all texts here safe to print, and of bounded length. */
  readonly text: string;
  /** Numbers of `ErrorCode`. */
  readonly codes: readonly number[];
  readonly expected?: string;
  readonly got?: string;
  /** The reference value that is most like what was found. */
  readonly nearest?: string;
}

/** What a finding is made of, texts not yet safe to print. */
export interface FindingParts extends Omit<Finding, 'codes' | 'text'> {
  /** A sentence without its full stop. */
  readonly text: string;
  readonly codes?: readonly number[];
}

const MAX_LENGTH = 1000;

/** A finding whose texts are safe to print. */
export function toFinding({ codes = [], ...parts }: FindingParts): Finding {
  const { text, expected, got, nearest } = parts;
  return {
    id: parts.id,
    severity: parts.severity,
    path: parts.path,
    text: printable(sentence(text, codes)),
    codes,
    ...(expected === undefined ? {} : { expected: printable(expected) }),
    ...(got === undefined ? {} : { got: printable(got) }),
    ...(nearest === undefined ? {} : { nearest: printable(nearest) }),
  };
}

function sentence(text: string, codes: readonly number[]): string {
  const numbers = codes.length === 0 ? '' : ` (error ${codes.join(', ')})`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${numbers}.`;
}

/** `text` without characters that steer terminals or hide others, and not too long. */
export function printable(text: string): string {
  const safe = text.slice(0, MAX_LENGTH).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return text.length <= MAX_LENGTH ? safe : `${safe}...`;
}
