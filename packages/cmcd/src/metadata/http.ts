import { decodeUtf8 } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import type { ItemCollector } from './collector.ts';
import { httpFetch } from './http-fetch.ts';
import {
  LOCATION_TIMEOUT_MS,
  MAX_DIRECTORY_DEPTH,
  MAX_ITEMS,
  MAX_LISTING_BYTES,
} from './limits.ts';
import { parseListing } from './listing.ts';

export interface HttpLocationOptions {
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots: readonly string[];
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a listing has, and nothing else: other HTML is no directory to the reference either. */
const LISTING_TYPE = /^text\/html\s*;\s*charset=utf-8$/i;

/** Adds the file at `url`, or, when that is a directory listing, all files below it. */
export async function fetchInto(
  collector: ItemCollector,
  url: URL,
  options: HttpLocationOptions,
): Promise<void> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? LOCATION_TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const crawl = { collector, roots: options.roots, signal, requests: 0 };
  await visit(crawl, url, 0);
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
  const resource = await httpFetch(url, { roots: crawl.roots, signal: crawl.signal, maxBytes });
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

function entryUrl(directory: URL, name: string): URL {
  const url = new URL(directory);
  url.search = '';
  url.hash = '';
  url.pathname = `${directory.pathname.replace(/\/$/, '')}/${encodeURIComponent(name)}`;
  return url;
}
