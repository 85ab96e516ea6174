import type { WaitOptions } from '@cmc/attestationreport';

/** Age at which statements are fetched anew; verifiers take them for much longer. */
export const REFRESH_MS: number = 60 * 60_000;
/** Pause after an attempt that gave nothing. */
export const RETRY_MS: number = 60_000;

/** Fetches statements about the revocation of metadata items; none where it cannot get them. */
export type FetchRevocation = (
  items: readonly Uint8Array[],
  wait?: WaitOptions,
) => Promise<readonly Uint8Array[]>;

/** Statements about the revocation of our own metadata, kept for a while. */
export interface RevocationCache {
  /**
   * Statements about `items`. Only the first call for a set waits for the servers; later ones get
   * what is there, and what is old is fetched anew in the meantime.
   */
  statements(items: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
}

export interface RevocationCacheOptions {
  readonly fetch: FetchRevocation;
  /** Ends fetching for good. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

export function createRevocationCache(options: RevocationCacheOptions): RevocationCache {
  const { fetch, signal, now } = options;
  let about: readonly Uint8Array[] | undefined;
  let statements: Promise<readonly Uint8Array[]> = Promise.resolve([]);
  let nextFetch = 0;

  const refresh = async (items: readonly Uint8Array[]): Promise<void> => {
    const fetched = fetch(items, { signal });
    if (about !== items) statements = fetched;
    about = items;
    nextFetch = Number.POSITIVE_INFINITY;
    let pause = RETRY_MS;
    try {
      if ((await fetched).length > 0 && about === items) {
        statements = fetched;
        pause = REFRESH_MS;
      }
    } finally {
      if (about === items) nextFetch = now().getTime() + pause;
    }
  };

  return {
    statements: async (items) => {
      if (about !== items || now().getTime() >= nextFetch) {
        // An error is for those who wait for these statements.
        refresh(items).catch(() => {});
      }
      return await statements;
    },
  };
}
