import { type Certificate, verifyChain } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';

/** A certificate with its chain to those of the server, leaf first, anchor last. @throws {CmcdError} ERR_ENROLL_RESPONSE */
export async function chainOf(
  leaf: Certificate,
  authorities: readonly Certificate[],
  now: Date,
  purpose: 'any' | 'attestation-key' = 'any',
): Promise<readonly Uint8Array[]> {
  const selfIssued = authorities.filter(({ issuerName, subjectName }) =>
    equalBytes(issuerName.raw, subjectName.raw),
  );
  const verdict = await verifyChain({
    leaf,
    intermediates: authorities,
    // A server may keep its root to itself: then what it gives is all there is to trust.
    roots: selfIssued.length > 0 ? selfIssued : authorities,
    now,
    purpose,
  });
  if (verdict.ok) return (verdict.chains[0] ?? []).map(({ raw }) => raw);
  throw new CmcdError(
    'ERR_ENROLL_RESPONSE',
    `enrolment: the certificate does not chain to those of the server: ${verdict.reason}`,
  );
}
