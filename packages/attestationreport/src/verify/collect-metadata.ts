import { toHex } from '@cmc/bytes';
import { digest, type HashName } from '../crypto/index.ts';
import type { Context } from '../types/report.ts';

/** Signed metadata items of one report; more than any platform needs. */
export const MAX_METADATA_ITEMS = 256;

/** One signed item, whose digest was computed from its bytes. */
export interface SignedMetadata {
  /** Lower-case hex. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface CollectedMetadata {
  /** In the order of their digests. */
  readonly items: readonly SignedMetadata[];
  /** What is wrong with the collection as a whole, a sentence each. */
  readonly faults: readonly string[];
}

/**
 * The metadata items that a report lists, from the report or else from the cache. An item that does
 * not have the digest under which it is listed is left out.
 */
export function collectMetadata(
  context: Context,
  alg: HashName,
  cached: ReadonlyMap<string, Uint8Array> = new Map(),
): CollectedMetadata {
  const digests = [...new Set(context.digests ?? [])].sort();
  if (digests.length > MAX_METADATA_ITEMS) {
    const fault = `expected at most ${MAX_METADATA_ITEMS} metadata items, got ${digests.length}`;
    return { items: [], faults: [fault] };
  }
  const items: SignedMetadata[] = [];
  const faults: string[] = [];
  for (const listed of digests) {
    const bytes = context.metadata?.get(listed) ?? cached.get(listed);
    if (bytes === undefined) {
      faults.push(`metadata item ${listed} is neither in the report nor in the cache`);
    } else if (toHex(digest(alg, bytes)) === listed) {
      items.push({ digest: listed, bytes });
    } else {
      faults.push(`metadata item ${listed} has the ${alg} digest ${toHex(digest(alg, bytes))}`);
    }
  }
  return { items, faults };
}
