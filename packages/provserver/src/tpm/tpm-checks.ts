import type { Check, TpmtPublic } from 'tpm2-ts/verify';

/** The first thing that a verification found to be wrong. */
export function reasonOf(checks: readonly Check[]): string {
  const failed = checks.find(({ ok }) => !ok);
  return failed === undefined
    ? 'nothing was checked'
    : `${failed.id}: ${failed.details ?? 'wrong'}`;
}

/** Whether others could make an object with the same name. */
export function nameProblem({ nameAlg }: TpmtPublic): string | undefined {
  return nameAlg === 'SHA-1' ? 'its name is a SHA-1 digest' : undefined;
}
