/** A requirement of the policy that a report does not meet. */
export interface SnpMismatch {
  readonly field: string;
  /** What the policy demands. */
  readonly claimed: string;
  /** What the report says. */
  readonly measured: string;
  /** What would make the next report acceptable. */
  readonly fix: string;
}

/** One sentence about a mismatch, without a full stop. */
export function mismatchText({ field, claimed, measured, fix }: SnpMismatch): string {
  return `${field}: the policy demands ${claimed}, the report says ${measured}; to fix it, ${fix}`;
}
