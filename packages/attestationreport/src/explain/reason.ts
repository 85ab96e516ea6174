import { INTEL_REASONS, type IntelReasonId } from './reasons/intel.ts';
import { METADATA_REASONS, type MetadataReasonId } from './reasons/metadata.ts';
import { POLICY_REASONS, type PolicyReasonId } from './reasons/policy.ts';
import { REPORT_REASONS, type ReportReasonId } from './reasons/report.ts';
import { REVOCATION_REASONS, type RevocationReasonId } from './reasons/revocation.ts';
import { SIGNATURE_REASONS, type SignatureReasonId } from './reasons/signature.ts';
import { SNP_REASONS, type SnpReasonId } from './reasons/snp.ts';
import { SOFTWARE_REASONS, type SoftwareReasonId } from './reasons/software.ts';
import { TPM_REASONS, type TpmReasonId } from './reasons/tpm.ts';

/** How bad something is: `error` refuses a report, `warning` and `note` do not. */
export type Severity = 'error' | 'warning' | 'note';

/** What people need to know about one kind of finding. */
export interface Reason {
  /** How bad it usually is; a finding says how bad it was. */
  readonly severity: Severity;
  /** A few words. */
  readonly title: string;
  readonly meaning: string;
  /** The most likely first. */
  readonly causes: readonly string[];
  /** What to do. */
  readonly remedy: string;
}

// To add one: an entry in reasons/; what leads to it in code-reasons.ts (an error code), in notes.ts
// (a line of details without code) or in one of the *-findings.ts (a member of the result); a result
// that has it in test/explain/catalogue.test.ts, which writes docs/reasons.md when run with -u.
/** Stable name of a reason: it keeps its meaning for ever. */
export type ReasonId =
  | ReportReasonId
  | MetadataReasonId
  | SignatureReasonId
  | RevocationReasonId
  | SoftwareReasonId
  | TpmReasonId
  | SnpReasonId
  | IntelReasonId
  | PolicyReasonId;

/** Every reason that a finding can have. */
export const REASONS: Readonly<Record<ReasonId, Reason>> = Object.freeze({
  ...REPORT_REASONS,
  ...METADATA_REASONS,
  ...SIGNATURE_REASONS,
  ...REVOCATION_REASONS,
  ...SOFTWARE_REASONS,
  ...TPM_REASONS,
  ...SNP_REASONS,
  ...INTEL_REASONS,
  ...POLICY_REASONS,
});

/** Where a reason is documented, relative to the root of the repository. */
export function reasonLink(id: ReasonId): string {
  return `docs/reasons.md#${id}`;
}
