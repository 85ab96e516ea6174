import type { WaitOptions } from '@cmc/attestationreport';
import { firstUpdate } from '../metadata/revocation.ts';

/** Age at which statements are fetched anew; verifiers take them for much longer. */
export const REFRESH_MS: number = 60 * 60_000;
/** Pause after an attempt that gave nothing. */
export const RETRY_MS: number = 60_000;
/** Longest time for which the first callers wait for a server. */
export const FIRST_WAIT_MS = 1_000;

/** Fetches statements about the revocation of metadata items; none where it cannot get them. */
export type FetchRevocation = (
  items: readonly Uint8Array[],
  wait?: WaitOptions,
) => Promise<readonly Uint8Array[]>;

/** Statements about the revocation of our own metadata, kept for a while. */
export interface RevocationCache {
  /** Fetches statements about `items` now and, in the background, before they are too old. */
  follow(items: readonly Uint8Array[]): void;
  /**
   * Statements about `items`, or what there is about those followed before. Nobody waits for a
   * server, but, for a moment, those who come before there was any answer.
   */
  statements(items: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
}

export interface RevocationCacheOptions {
  readonly fetch: FetchRevocation;
  /** Ends fetching for good. */
  readonly signal: AbortSignal;
  /** Age at which statements are fetched anew, ms. Default {@link REFRESH_MS}. */
  readonly maxAgeMs?: number;
  readonly now: () => Date;
}

export function createRevocationCache(options: RevocationCacheOptions): RevocationCache {
  const { fetch, signal, now, maxAgeMs = REFRESH_MS } = options;
  let about: readonly Uint8Array[] | undefined;
  let known: readonly Uint8Array[] = [];
  let first: Promise<unknown> | undefined;
  let timer: NodeJS.Timeout | undefined;
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });

  // Half of the time that is left, so that there is time for more attempts.
  const pauseAfter = (statements: readonly Uint8Array[]): number => {
    const update = firstUpdate(statements) ?? Number.POSITIVE_INFINITY;
    return Math.max((update - now().getTime()) / 2, RETRY_MS);
  };

  const refresh = async (items: readonly Uint8Array[]): Promise<void> => {
    // What went wrong is logged by those who fetch; here it is as good as no answer.
    const fetched = await fetch(items, { signal }).catch(() => []);
    if (about !== items || signal.aborted) return;
    if (fetched.length > 0) known = fetched;
    const left = fetched.length > 0 ? pauseAfter(fetched) : RETRY_MS;
    timer = setTimeout(() => void refresh(items), Math.min(left, maxAgeMs)).unref();
  };

  const follow = (items: readonly Uint8Array[]): void => {
    if (about === items || signal.aborted) return;
    about = items;
    clearTimeout(timer);
    const fetched = refresh(items);
    first ??= Promise.race([fetched, pause(FIRST_WAIT_MS)]);
  };

  return {
    follow,
    statements: async (items) => {
      follow(items);
      await first;
      return known;
    },
  };
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => void setTimeout(resolve, ms));
}
