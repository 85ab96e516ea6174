import type { WaitOptions } from '@cmc/attestationreport';
import { MAX_CRL_BYTES, type RevocationList, type SnpProduct } from '@cmc/attestationreport/snp';
import {
  type Certificate,
  DerReader,
  parseCertificate,
  parsePemCertificates,
} from '@cmc/attestationreport/x509';
import { concatBytes, decodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import { type Cache, createMemoryCache, openDiskCache } from './cache.ts';
import { checkAuthorities, checkCrl, checkVcek, decoded, type Trust } from './check-certificate.ts';
import { Downloader } from './download.ts';
import { KdsError } from './errors.ts';
import { httpsFetch, type KdsFetch } from './https-fetch.ts';
import {
  CRL_FRESH_MS,
  DEFAULT_BACKOFF_MS,
  DEFAULT_CACHE_ENTRIES,
  DEFAULT_DEADLINE_MS,
  MAX_CHAIN_BYTES,
  MAX_IN_FLIGHT,
  MAX_VCEK_BYTES,
} from './limits.ts';
import { crlPath, type KeyKind, nameChain, nameVcek, type VcekRequest } from './request.ts';

export const AMD_KDS_URL = 'https://kdsintf.amd.com';

export interface KdsClientOptions {
  /** The service, or a server with the same paths. Default: {@link AMD_KDS_URL}. */
  readonly baseUrl?: string;
  /** Hosts that may be asked. Default: that of {@link AMD_KDS_URL}. */
  readonly allowedHosts?: readonly string[];
  /** Authorities, PEM, of the server. Default: those of Node.js. */
  readonly tlsRoots?: readonly string[];
  /** Folder of what never changes. Default: memory. */
  readonly cacheDirectory?: string;
  readonly maxCacheEntries?: number;
  /** Time for one certificate, all attempts and pauses included, ms. */
  readonly deadlineMs?: number;
  /** First pause after an attempt that failed, ms. */
  readonly backoffMs?: number;
  /** Roots that are trusted. Default: those of AMD. */
  readonly roots?: readonly Certificate[];
  /** Replaces the network. */
  readonly fetch?: KdsFetch;
  readonly now?: () => Date;
  /** Ends all requests. */
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

/**
 * Certificates of AMD, checked: under the pinned root of the product, valid now, of the chip and TCB
 * asked for. All methods throw {@link KdsError}, and RangeError for what is no product, chip id or TCB.
 */
export interface KdsClient {
  /** Certificate of the key with which a chip signs reports. */
  vcek(request: VcekRequest, wait?: WaitOptions): Promise<Certificate>;
  /** Authority of the keys of this kind (ASK or ASVK), and the root (ARK). */
  chain(
    kind: KeyKind,
    product: SnpProduct,
    wait?: WaitOptions,
  ): Promise<readonly [Certificate, Certificate]>;
  /** Certificate revocation list of the root, DER, signed by it and current. */
  crl(kind: KeyKind, product: SnpProduct, wait?: WaitOptions): Promise<Uint8Array>;
}

/** @throws {TypeError} `baseUrl` is not an https URL of an allowed host */
export async function createKdsClient(options: KdsClientOptions = {}): Promise<KdsClient> {
  const base = checkedBase(options);
  const { maxCacheEntries = DEFAULT_CACHE_ENTRIES, cacheDirectory } = options;
  const cache =
    cacheDirectory === undefined
      ? createMemoryCache(maxCacheEntries)
      : await openDiskCache(cacheDirectory, maxCacheEntries);
  return new CachingKdsClient(base, cache, options);
}

interface KnownList {
  readonly der: Uint8Array;
  readonly list: RevocationList;
  /** Until when no newer one is asked for, ms. */
  readonly freshUntil: number;
}

class CachingKdsClient implements KdsClient {
  readonly #base: string;
  readonly #cache: Cache;
  readonly #downloader: Downloader;
  readonly #roots: readonly Certificate[] | undefined;
  readonly #now: () => Date;
  readonly #logger: Logger;
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #lists = new Map<string, KnownList>();

  constructor(base: string, cache: Cache, options: KdsClientOptions) {
    this.#base = base;
    this.#cache = cache;
    this.#downloader = new Downloader({
      fetch: options.fetch ?? httpsFetch(options.tlsRoots),
      deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS,
      backoffMs: options.backoffMs ?? DEFAULT_BACKOFF_MS,
      signal: options.signal,
    });
    this.#roots = options.roots;
    this.#now = options.now ?? (() => new Date());
    this.#logger = options.logger ?? silentLogger;
  }

  async vcek(request: VcekRequest, wait: WaitOptions = {}): Promise<Certificate> {
    const name = nameVcek(request);
    return await this.#once(name.cacheName, wait, async () => {
      const authorities = await this.chain('vcek', name.product);
      const check = async (der: Uint8Array): Promise<Certificate> =>
        await checkVcek(der, name, authorities, this.#trust());
      return await this.#cached(name.cacheName, name.path, MAX_VCEK_BYTES, {
        check,
        store: ({ raw }) => raw,
        checkStored: check,
      });
    });
  }

  async chain(
    kind: KeyKind,
    product: SnpProduct,
    wait: WaitOptions = {},
  ): Promise<readonly [Certificate, Certificate]> {
    const { path, cacheName } = nameChain(kind, product);
    return await this.#once(cacheName, wait, async () => {
      const check = async (
        certificates: readonly Certificate[],
      ): Promise<readonly [Certificate, Certificate]> =>
        await checkAuthorities(kind, product, certificates, this.#trust());
      return await this.#cached(cacheName, path, MAX_CHAIN_BYTES, {
        check: async (pem) =>
          await check(await decoded('chain', () => parsePemCertificates(decodeUtf8(pem, 'chain')))),
        store: ([issuer, root]) => concatBytes(issuer.raw, root.raw),
        checkStored: async (der) =>
          await check(await decoded('chain', () => splitCertificates(der))),
      });
    });
  }

  async crl(kind: KeyKind, product: SnpProduct, wait: WaitOptions = {}): Promise<Uint8Array> {
    const path = crlPath(kind, product);
    const known = this.#lists.get(path);
    if (known !== undefined && this.#now().getTime() < known.freshUntil) return known.der;
    return await this.#once(path, wait, async () => {
      try {
        const list = await this.#newList(kind, product, path);
        this.#lists.set(path, list);
        return list.der;
      } catch (error) {
        // What the root signed holds until the next update that it names.
        const holds = known !== undefined && this.#now() <= known.list.nextUpdate;
        if (!holds || !(error instanceof KdsError)) throw error;
        this.#logger.warn({ path, error }, 'the revocation list known before is given out');
        return known.der;
      }
    });
  }

  async #newList(kind: KeyKind, product: SnpProduct, path: string): Promise<KnownList> {
    const [, root] = await this.chain(kind, product);
    const der = await this.#downloader.get(new URL(this.#base + path), MAX_CRL_BYTES);
    const now = this.#now();
    const list = await checkCrl(der, root, now);
    const older = this.#lists.get(path)?.list.thisUpdate;
    if (older !== undefined && list.thisUpdate < older) {
      const message = `CRL: of ${list.thisUpdate.toISOString()}, older than one known before`;
      throw new KdsError('ERR_KDS_INVALID', message);
    }
    const freshUntil = Math.min(list.nextUpdate.getTime(), now.getTime() + CRL_FRESH_MS);
    return { der, list, freshUntil };
  }

  #trust(): Trust {
    return {
      now: this.#now(),
      ...(this.#roots === undefined ? {} : { roots: this.#roots }),
    };
  }

  /** One piece of work per name, whoever waits for it; it goes on when somebody stops waiting. */
  async #once<T>(name: string, wait: WaitOptions, work: () => Promise<T>): Promise<T> {
    wait.signal?.throwIfAborted();
    let promise = this.#underWay.get(name) as Promise<T> | undefined;
    if (promise === undefined) {
      if (this.#underWay.size >= MAX_IN_FLIGHT) {
        throw new KdsError('ERR_KDS_UNAVAILABLE', `${MAX_IN_FLIGHT} requests are under way`, {
          retryAfterMs: 1000,
        });
      }
      promise = work().finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, promise);
    }
    return await waitFor(promise, wait.signal);
  }

  async #cached<T>(
    name: string,
    path: string,
    maxBytes: number,
    form: {
      readonly check: (bytes: Uint8Array) => Promise<T>;
      readonly store: (value: T) => Uint8Array;
      readonly checkStored: (bytes: Uint8Array) => Promise<T>;
    },
  ): Promise<T> {
    const stored = await this.#cache.get(name);
    if (stored !== undefined) {
      try {
        return await form.checkStored(stored);
      } catch (error) {
        if (!(error instanceof KdsError)) throw error;
        this.#logger.warn({ name, error }, 'a cached certificate is not used');
        await this.#cache.delete(name);
      }
    }
    const bytes = await this.#downloader.get(new URL(this.#base + path), maxBytes);
    const value = await form.check(bytes);
    await this.#cache.set(name, form.store(value)).catch((error: unknown) => {
      this.#logger.warn({ name, error }, 'a certificate cannot be cached');
    });
    return value;
  }
}

function splitCertificates(der: Uint8Array): readonly Certificate[] {
  const reader = new DerReader(der, 'chain');
  const certificates: Certificate[] = [];
  while (!reader.done) certificates.push(parseCertificate(reader.element(0x30, 'certificate')));
  return certificates;
}

async function waitFor<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  return await new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function checkedBase(options: KdsClientOptions): string {
  const { baseUrl = AMD_KDS_URL, allowedHosts = [new URL(AMD_KDS_URL).host] } = options;
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const isPlain = url?.search === '' && url.hash === '' && url.username === '';
  if (url?.protocol !== 'https:' || !isPlain) {
    throw new TypeError('baseUrl: expected an https URL without query or credentials');
  }
  if (!allowedHosts.includes(url.host)) {
    throw new TypeError(`baseUrl: ${url.host} is not an allowed host`);
  }
  return url.href.replace(/\/$/, '');
}
