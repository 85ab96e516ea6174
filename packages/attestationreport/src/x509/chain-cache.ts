import { LruCache } from '../crypto/index.ts';
import { type Certificate, fingerprint } from './certificate.ts';
import { type ChainPurpose, NOT_BEFORE_LEEWAY_MS } from './certificate-rules.ts';

/** Chains, each leaf first, root last. */
export type Chains = readonly (readonly Certificate[])[];

interface CachedChains {
  readonly chains: Chains;
  /** Milliseconds; between these no certificate of the question becomes valid or expires. */
  readonly from: number;
  readonly until: number;
}

/** Everything the verdict depends on but the time. */
export interface ChainQuestion {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly purpose: ChainPurpose;
}

const MAX_CACHED_CHAINS = 256;

/** Verified chains, found again by what they were verified from, at times that change nothing. */
export class ChainCache {
  readonly #entries = new LruCache<string, CachedChains>(MAX_CACHED_CHAINS);

  get(question: ChainQuestion, now: Date): Chains | undefined {
    const entry = this.#entries.get(cacheKey(question));
    if (entry === undefined) return undefined;
    const time = now.getTime();
    return time >= entry.from && time <= entry.until ? entry.chains : undefined;
  }

  set(question: ChainQuestion, now: Date, chains: Chains): void {
    this.#entries.set(cacheKey(question), { chains, ...constantAround(now, question) });
  }
}

function cacheKey({ leaf, intermediates, roots, purpose }: ChainQuestion): string {
  const join = (certificates: readonly Certificate[]): string =>
    certificates.map(fingerprint).join();
  return `${purpose} ${fingerprint(leaf)} ${join(intermediates)} ${join(roots)}`;
}

// The longest time around now in which every certificate stays as valid or invalid as it is.
function constantAround(
  now: Date,
  { leaf, intermediates, roots }: ChainQuestion,
): { readonly from: number; readonly until: number } {
  const time = now.getTime();
  let from = Number.NEGATIVE_INFINITY;
  let until = Number.POSITIVE_INFINITY;
  for (const { notBefore, notAfter } of [leaf, ...intermediates, ...roots]) {
    const begins = notBefore.getTime() - NOT_BEFORE_LEEWAY_MS;
    const ends = notAfter.getTime();
    if (begins <= time) from = Math.max(from, begins);
    else until = Math.min(until, begins - 1);
    if (ends >= time) until = Math.min(until, ends);
    else from = Math.max(from, ends + 1);
  }
  return { from, until };
}
