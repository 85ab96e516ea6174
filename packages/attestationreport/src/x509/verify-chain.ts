import { equalBytes } from '@cmc/bytes';
import type { Certificate } from './certificate.ts';
import {
  type ChainPurpose,
  certificateProblem,
  issuerProblem,
  purposeProblem,
} from './certificate-rules.ts';
import { signatureProblem } from './certificate-signature.ts';
import { ChainCache, type ChainQuestion, type Chains } from './chain-cache.ts';

/** What to verify, against what. */
export interface VerifyChainOptions {
  readonly leaf: Certificate;
  /** Certificates that may help, in any order; nothing in them is trusted. */
  readonly intermediates: readonly Certificate[];
  /** Trust anchors. Their own signatures are not looked at, their validity and constraints are. */
  readonly roots: readonly Certificate[];
  readonly now: Date;
  /** Default: `any`. */
  readonly purpose?: ChainPurpose;
}

/** The verdict on a certificate. */
export type ChainResult =
  /** Every valid chain, each leaf first, root last. */
  { readonly ok: true; readonly chains: Chains } | { readonly ok: false; readonly reason: string };

/** Most intermediates that may come with a leaf. */
export const MAX_INTERMEDIATES = 16;
/** Longest chain, leaf and root included. */
export const MAX_CHAIN_LENGTH = 8;
/** Most signatures that are verified for one answer. */
export const MAX_SIGNATURE_CHECKS = 64;
const MAX_REASONS = 4;

const cache = new ChainCache();

/**
 * Finds the chains from a leaf to a trust anchor (RFC 5280, section 6, with every policy
 * acceptable). On each certificate: signature by an accepted algorithm and key, validity now, no
 * unsupported critical extension, no name constraints; on issuers CA flag, key usage, path length.
 * Revocation is not checked. A leaf that is itself a trust anchor is a chain of its own.
 */
export async function verifyChain(options: VerifyChainOptions): Promise<ChainResult> {
  const { now, leaf, intermediates, roots, purpose = 'any' } = options;
  if (Number.isNaN(now.getTime())) throw new RangeError('verifyChain: now is not a time');
  const question = { leaf, intermediates, roots, purpose };
  const known = cache.get(question, now);
  if (known !== undefined) return { ok: true, chains: known };
  const result = await new ChainSearch(question, now).run();
  if (result.ok) cache.set(question, now, result.chains);
  return result;
}

class ChainSearch {
  readonly #question: ChainQuestion;
  readonly #now: Date;
  readonly #chains: (readonly Certificate[])[] = [];
  readonly #reasons = new Set<string>();
  #signatureChecks = 0;

  constructor(question: ChainQuestion, now: Date) {
    this.#question = question;
    this.#now = now;
  }

  async run(): Promise<ChainResult> {
    const { leaf, intermediates, roots } = this.#question;
    const problem = certificateProblem(leaf, this.#now);
    if (problem !== undefined) return { ok: false, reason: `${leaf.subject}: ${problem}` };
    if (intermediates.length > MAX_INTERMEDIATES) {
      return {
        ok: false,
        reason: `${intermediates.length} intermediates, at most ${MAX_INTERMEDIATES}`,
      };
    }
    if (roots.some(({ raw }) => equalBytes(raw, leaf.raw))) this.#accept([leaf]);
    else await this.#extend([leaf], leaf);
    if (this.#chains.length > 0) return { ok: true, chains: this.#chains };
    return { ok: false, reason: [...this.#reasons].slice(0, MAX_REASONS).join('; ') };
  }

  // Tries everything that could have issued the last certificate of `chain`.
  async #extend(chain: readonly Certificate[], child: Certificate): Promise<void> {
    if (chain.length === MAX_CHAIN_LENGTH) {
      this.#reasons.add(`more than ${MAX_CHAIN_LENGTH} certificates in a chain`);
      return;
    }
    const { roots, intermediates } = this.#question;
    const notYet = (issuer: Certificate): boolean =>
      !chain.some((certificate) => isSameEntity(certificate, issuer));
    const trusted = likelyIssuers(child, roots).filter(notYet);
    const others = likelyIssuers(child, intermediates).filter(notYet);
    if (trusted.length + others.length === 0) {
      this.#reasons.add(`${child.subject}: no certificate of its issuer, ${child.issuer}`);
    }
    for (const issuer of trusted) {
      if (await this.#isIssued(chain, child, issuer, true)) this.#accept([...chain, issuer]);
    }
    for (const issuer of others) {
      if (await this.#isIssued(chain, child, issuer, false)) {
        await this.#extend([...chain, issuer], issuer);
      }
    }
  }

  async #isIssued(
    chain: readonly Certificate[],
    child: Certificate,
    issuer: Certificate,
    isRoot: boolean,
  ): Promise<boolean> {
    const problem =
      certificateProblem(issuer, this.#now) ??
      issuerProblem(issuer, { isRoot, below: chain.length - 1 });
    if (problem !== undefined) {
      this.#reasons.add(`${issuer.subject}: ${problem}`);
      return false;
    }
    if (this.#signatureChecks === MAX_SIGNATURE_CHECKS) {
      this.#reasons.add(`gave up after ${MAX_SIGNATURE_CHECKS} signatures`);
      return false;
    }
    this.#signatureChecks++;
    const wrong = await signatureProblem(child, issuer);
    if (wrong !== undefined) this.#reasons.add(`${child.subject}: ${wrong}`);
    return wrong === undefined;
  }

  #accept(chain: readonly Certificate[]): void {
    const problem = purposeProblem(chain, this.#question.purpose);
    if (problem === undefined) this.#chains.push(chain);
    else this.#reasons.add(problem);
  }
}

// Those with the right name; first the ones whose key identifier fits too.
function likelyIssuers(
  child: Certificate,
  certificates: readonly Certificate[],
): readonly Certificate[] {
  const named = certificates.filter(({ subjectName }) =>
    equalBytes(subjectName.raw, child.issuerName.raw),
  );
  const fits = ({ subjectKeyId }: Certificate): boolean =>
    subjectKeyId === undefined ||
    child.authorityKeyId === undefined ||
    equalBytes(subjectKeyId, child.authorityKeyId);
  return [...named.filter(fits), ...named.filter((certificate) => !fits(certificate))];
}

function isSameEntity(a: Certificate, b: Certificate): boolean {
  return equalBytes(a.subjectName.raw, b.subjectName.raw) && equalBytes(a.spki, b.spki);
}
