import type { RevocationList } from '@cmc/attestationreport/snp';
import { type Certificate, parseCertificate, verifyChain } from '@cmc/attestationreport/x509';
import { toHex } from '@cmc/bytes';
import type { Store } from '../store/store.ts';
import { ekRevocationProblem } from './ek-crls.ts';
import { MAX_EK_ISSUERS } from './limits.ts';

/**
 * Why an endorsement certificate is not under a root that the operator trusts, if it is not, or, when
 * there are revocation lists, not cleared by them. What devices send never helps to find a chain: all
 * certificates above come from the database.
 */
export async function vendorChainProblem(
  leaf: Certificate,
  store: Pick<Store, 'vendorCertificates'>,
  now: Date,
  revocationLists?: readonly RevocationList[],
): Promise<string | undefined> {
  const roots: Certificate[] = [];
  const intermediates: Certificate[] = [];
  const wanted = [toHex(leaf.issuerName.raw)];
  for (const subject of wanted) {
    for (const record of await store.vendorCertificates(subject)) {
      if (roots.length + intermediates.length === MAX_EK_ISSUERS) break;
      const certificate = parseCertificate(record.certificate);
      (record.isRoot ? roots : intermediates).push(certificate);
      const issuer = toHex(certificate.issuerName.raw);
      if (!record.isRoot && !wanted.includes(issuer)) wanted.push(issuer);
    }
  }
  if (roots.length === 0) return `no trusted root for its issuer, ${leaf.issuer || 'without name'}`;
  const result = await verifyChain({ leaf, intermediates, roots, now });
  if (!result.ok) return result.reason;
  if (revocationLists === undefined) return undefined;
  return await ekRevocationProblem(result.chains, revocationLists, now);
}
