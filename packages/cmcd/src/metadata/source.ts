import type { WaitOptions } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { silentLogger } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { readBlobInto } from './blob.ts';
import { ItemCollector } from './collector.ts';
import { readFilesInto } from './files.ts';
import { type OfflineCache, openOfflineCache, sha256Hex } from './offline-cache.ts';

/** Where signed metadata comes from. */
export interface MetadataSource {
  /** All items there are now, as they are. Rejects when they are not complete. */
  load(options?: WaitOptions): Promise<readonly Uint8Array[]>;
}

export interface MetadataLocationsOptions {
  /** `file://path` (a file, or the files of a folder), `blob://path`, `http://…`, `https://…`. */
  readonly locations: readonly string[];
  /** Folder with the last complete set, used when a location fails. */
  readonly cache?: string;
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots?: readonly string[];
  /** Time for all of one location on a server. */
  readonly timeoutMs?: number;
  readonly logger?: Logger;
}

type Reader = (collector: ItemCollector, signal: AbortSignal | undefined) => Promise<void>;

/**
 * A source that reads files, folders, block devices and servers.
 * @throws {CmcdError} ERR_METADATA_LOCATION a location is of no known kind
 */
export async function createMetadataSource(
  options: MetadataLocationsOptions,
): Promise<MetadataSource> {
  const logger = options.logger ?? silentLogger;
  const readers = options.locations.map((location) => readerOf(location, options));
  const cache = options.cache === undefined ? undefined : await openOfflineCache(options.cache);
  return {
    load: async ({ signal } = {}) => {
      signal?.throwIfAborted();
      const collector = new ItemCollector();
      const failures: unknown[] = [];
      for (const read of readers) {
        await read(collector, signal).catch((error: unknown) => {
          failures.push(error);
          logger.warn({ error }, 'cannot load metadata from a location');
        });
      }
      signal?.throwIfAborted();
      if (failures.length === 0) await keep(collector.items, cache, logger);
      else await complete(collector, cache, failures[0], logger);
      return collector.items;
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

async function keep(
  items: readonly Uint8Array[],
  cache: OfflineCache | undefined,
  logger: Logger,
): Promise<void> {
  await cache?.replace(items).catch((error: unknown) => {
    logger.warn({ error }, 'cannot write the metadata cache');
  });
}

/** Fills up from the cache what a failed location did not give. */
async function complete(
  collector: ItemCollector,
  cache: OfflineCache | undefined,
  failure: unknown,
  logger: Logger,
): Promise<void> {
  const cached = (await cache?.read()) ?? [];
  if (cached.length === 0) throw failure;
  const present = new Set(collector.items.map(sha256Hex));
  for (const item of cached) if (!present.has(sha256Hex(item))) collector.add(item);
  logger.warn({ items: cached.length }, 'uses cached metadata');
}
