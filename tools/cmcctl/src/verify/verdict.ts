import type { AttestationResult } from '@cmc/attestationreport';

/** What came out for one report. */
export interface Verdict {
  /** The file of the report. */
  readonly file: string;
  /** `unavailable`: there is no verdict, because something that it needs could not be reached. */
  readonly status: 'success' | 'warn' | 'fail' | 'unavailable';
  /** Sentences, the verdict first. */
  readonly reasons: readonly string[];
  /** Absent when unavailable. */
  readonly result?: AttestationResult;
}
