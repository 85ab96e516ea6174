import type { AttestationResult } from '@cmc/attestationreport';

/** Who attested whom: both names as in the result, the verdict, and when. */
export interface NetworkEvent {
  readonly verifier: AttestationResult['verifier'];
  readonly prover: AttestationResult['prover'];
  readonly status: string;
  readonly time: string;
}

/** The event of a result; none when the verifier has no name. */
export function networkEvent(result: AttestationResult): NetworkEvent | undefined {
  const { verifier, prover, summary, created = '' } = result;
  if (!verifier.hostname) return undefined;
  return { verifier, prover, status: summary.status, time: created };
}
