import type { WaitOptions } from '@cmc/attestationreport';
import { type Logger, silentLogger } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { readBlobInto } from './blob.ts';
import { ItemCollector } from './collector.ts';
import { readFilesInto } from './files.ts';
import { openOfflineCache } from './offline-cache.ts';

/** Where signed metadata comes from. */
export interface MetadataSource {
  /** All items there are now, as they are. Rejects when they are not complete. */
  load(options?: WaitOptions): Promise<readonly Uint8Array[]>;
}

export interface MetadataLocationsOptions {
  /** `file://path` (a file, or the files of a folder), `blob://path`, `http://…`, `https://…`. */
  readonly locations: readonly string[];
  /** Folder with the last complete set of each location, for when it fails. */
  readonly cache?: string;
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots?: readonly string[];
  /** Time for all of one location on a server. */
  readonly timeoutMs?: number;
  readonly logger?: Logger;
}

type Reader = (collector: ItemCollector, signal: AbortSignal | undefined) => Promise<void>;

/**
 * A source that reads files, folders, block devices and servers. A location is taken whole: when any
 * of it cannot be had, or does not fit, it fails. Its last complete set stands in for it then, if
 * there is a cache that has it, besides what the others have now; if not, nothing is loaded.
 * @throws {CmcdError} ERR_METADATA_LOCATION a location is of no known kind
 */
export async function createMetadataSource(
  options: MetadataLocationsOptions,
): Promise<MetadataSource> {
  const logger = options.logger ?? silentLogger;
  const readers = new Map(
    options.locations.map((location) => [location, readerOf(location, options)]),
  );
  const cache = options.cache === undefined ? undefined : await openOfflineCache(options.cache);
  return {
    load: async ({ signal } = {}) => {
      signal?.throwIfAborted();
      const all = new ItemCollector();
      const sets = new Map<string, readonly Uint8Array[]>();
      for (const [location, read] of readers) {
        try {
          const own = new ItemCollector();
          await read(own, signal);
          all.addAll(own.items);
          sets.set(location, own.items);
        } catch (error) {
          signal?.throwIfAborted();
          logger.warn({ location, error }, 'cannot load metadata from a location');
          const cached = await cache?.read(location);
          if (cached === undefined) throw error;
          all.addAll(cached);
          sets.set(location, cached);
          logger.warn({ location, items: cached.length }, 'uses cached metadata');
        }
      }
      signal?.throwIfAborted();
      await cache?.replace(sets).catch((error: unknown) => {
        logger.warn({ error }, 'cannot write the metadata cache');
      });
      return all.items;
    },
  };
}

function readerOf(location: string, options: MetadataLocationsOptions): Reader {
  const [, scheme, path = ''] = /^(file|blob):\/\/(.+)$/.exec(location) ?? [];
  if (scheme === 'file') return (collector) => readFilesInto(collector, path);
  if (scheme === 'blob') return (collector) => readBlobInto(collector, path);
  if (/^https?:\/\//.test(location) && URL.canParse(location)) {
    return async (collector, signal) => {
      const { fetchInto } = await import('./http.ts');
      const { roots = [], timeoutMs } = options;
      await fetchInto(collector, new URL(location), {
        roots,
        signal,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
    };
  }
  throw new CmcdError(
    'ERR_METADATA_LOCATION',
    `${JSON.stringify(location)}: expected file://PATH, blob://PATH, http://… or https://…`,
  );
}
