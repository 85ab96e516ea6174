import { type RevocationList, revocationProblem } from '@cmc/attestationreport/snp';
import type { Certificate } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';

/**
 * Why lists do not clear an endorsement certificate with its authorities: there has to be a list of
 * its issuer; whoever else in the chain has lists is held to them, too.
 */
export async function ekRevocationProblem(
  chains: readonly (readonly Certificate[])[],
  lists: readonly RevocationList[],
  now: Date,
): Promise<string | undefined> {
  const isListed = ({ subjectName }: Certificate): boolean =>
    lists.some(({ issuerName }) => equalBytes(issuerName.raw, subjectName.raw));
  for (const chain of chains) {
    for (const [index, certificate] of chain.entries()) {
      const issuer = chain[index + 1];
      if (issuer === undefined || (index > 0 && !isListed(issuer))) continue;
      const problem = await revocationProblem(certificate, issuer, lists, now);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}
