import {
  BOOT_AGGREGATE_UNDECIDED,
  NO_HARDWARE_ANCHOR,
  NO_OMSP_SERVER,
  POLICY_OVERWROTE,
} from '../verify/note-texts.ts';
import type { FindingParts } from './finding.ts';
import { snpLine } from './snp-lines.ts';

/** What is known about a line of details that has no error code. */
export type KnownNote =
  | Partial<Pick<FindingParts, 'id' | 'severity' | 'path' | 'expected' | 'got'>>
  | 'repeats another check'
  | undefined;

const LEEWAY = ': accepted within the leeway of ';
const PCR_NOT_REPORTED = /^PCR [\d, ]+ has reference values and was not reported$/;
/** Of checks that a member of the result has besides. */
const REPEATED: ReadonlySet<string> = new Set([
  'the evidence is for another nonce',
  'the report is for another nonce',
  'the quote is for another nonce',
  'the logs do not give the values that the TPM quoted',
]);

/** The reason behind a line without error code, as far as it is known. */
export function reasonOfNote(text: string): KnownNote {
  if (REPEATED.has(text)) return 'repeats another check';
  switch (text) {
    case NO_HARDWARE_ANCHOR:
      return { id: 'no-hardware-anchor', severity: 'note' };
    case NO_OMSP_SERVER:
      return { id: 'revocation-server-missing', severity: 'note' };
    case POLICY_OVERWROTE:
      return { id: 'policy-overwrote' };
    default:
      if (text.includes(LEEWAY)) return { id: 'clock-leeway', severity: 'note' };
      if (text.startsWith(BOOT_AGGREGATE_UNDECIDED)) {
        return { id: 'boot-aggregate-undecided', severity: 'note' };
      }
      if (PCR_NOT_REPORTED.test(text)) return { id: 'pcr-not-reported' };
      return snpLine(text);
  }
}
