import { decodeUtf8 } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import type { ItemCollector } from './collector.ts';
import { type HttpResource, httpFetch } from './http-fetch.ts';
import {
  LOCATION_TIMEOUT_MS,
  MAX_DIRECTORY_DEPTH,
  MAX_ITEMS,
  MAX_LISTING_BYTES,
} from './limits.ts';
import { parseListing } from './listing.ts';
import { INDEX_TYPE, parseIndex } from './metadata-index.ts';
import { sha256Hex } from './offline-cache.ts';

export interface HttpLocationOptions {
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots: readonly string[];
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a listing has, and nothing else: other HTML is no directory to the reference either. */
const LISTING_TYPE = /^text\/html\s*;\s*charset=utf-8$/i;

const ACCEPT = `${INDEX_TYPE}, */*;q=0.5`;

/** Adds the file at `url`, or, when that is a directory listing or an index, all files below it. */
export async function fetchInto(
  collector: ItemCollector,
  url: URL,
  options: HttpLocationOptions,
): Promise<void> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? LOCATION_TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  await visit({ collector, roots: options.roots, signal, requests: 0 }, url, 0);
}

interface Crawl {
  readonly collector: ItemCollector;
  readonly roots: readonly string[];
  readonly signal: AbortSignal;
  requests: number;
}

async function visit(crawl: Crawl, url: URL, depth: number): Promise<void> {
  if (++crawl.requests > 2 * MAX_ITEMS) {
    throw new CmcdError('ERR_METADATA_LIMIT', `${url.href}: more than ${2 * MAX_ITEMS} requests`);
  }
  const maxBytes = Math.max(crawl.collector.room(), MAX_LISTING_BYTES);
  const resource = await httpFetch(url, {
    roots: crawl.roots,
    signal: crawl.signal,
    maxBytes,
    accept: ACCEPT,
  });
  if (resource.contentType === INDEX_TYPE) {
    await fetchIndexed(crawl, resource);
    return;
  }
  if (!LISTING_TYPE.test(resource.contentType)) {
    crawl.collector.add(resource.body);
    return;
  }
  if (depth >= MAX_DIRECTORY_DEPTH || resource.body.length > MAX_LISTING_BYTES) {
    throw new CmcdError(
      'ERR_METADATA_LIMIT',
      `${resource.url.href}: directories are at most ${MAX_DIRECTORY_DEPTH} deep, ` +
        `listings at most ${MAX_LISTING_BYTES} bytes long`,
    );
  }
  for (const name of parseListing(decodeUtf8(resource.body, resource.url.href))) {
    await visit(crawl, entryUrl(resource.url, name), depth + 1);
  }
}

async function fetchIndexed(crawl: Crawl, index: HttpResource): Promise<void> {
  for (const { digest, size } of parseIndex(index.body, index.url.href)) {
    const { roots, signal, collector } = crawl;
    const url = entryUrl(index.url, digest);
    const maxBytes = Math.min(size, collector.room());
    const { body } = await httpFetch(url, { roots, signal, maxBytes });
    if (sha256Hex(body) !== digest) {
      throw new CmcdError('ERR_METADATA_FORMAT', `${url.href}: the content has another digest`);
    }
    collector.add(body);
  }
}

function entryUrl(directory: URL, name: string): URL {
  const url = new URL(directory);
  url.search = '';
  url.hash = '';
  url.pathname = `${directory.pathname.replace(/\/$/, '')}/${encodeURIComponent(name)}`;
  return url;
}
