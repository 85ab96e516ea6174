import { setTimeout as sleep } from 'node:timers/promises';
import { KdsError } from './errors.ts';
import type { KdsFetch, KdsResponse } from './https-fetch.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  MAX_ATTEMPTS,
  MAX_RETRY_AFTER_MS,
  TOO_MANY_REQUESTS_PAUSE_MS,
} from './limits.ts';

export interface DownloaderOptions {
  readonly fetch: KdsFetch;
  readonly deadlineMs: number;
  readonly backoffMs: number;
  /** Ends everything. */
  readonly signal?: AbortSignal | undefined;
}

/** Gets what is at an address, with pauses where the service wants them. */
export class Downloader {
  readonly #options: DownloaderOptions;
  /** The service wants no request before, in ms of `performance.now()`. */
  #quietUntil = 0;

  constructor(options: DownloaderOptions) {
    this.#options = options;
  }

  /** @throws {KdsError} */
  async get(url: URL, maxBytes: number): Promise<Uint8Array> {
    const { deadlineMs, backoffMs, signal: ended } = this.#options;
    const deadline = performance.now() + deadlineMs;
    let last: KdsError | undefined;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const backoff = attempt === 0 ? 0 : backoffMs * 2 ** (attempt - 1);
      const pause = Math.max(backoff, this.#quietUntil - performance.now());
      if (pause >= deadline - performance.now()) throw tooLate(url, pause, last);
      if (pause > 0) await sleep(pause, undefined, { signal: ended, ref: false });
      const left = Math.max(1, Math.min(ATTEMPT_TIMEOUT_MS, deadline - performance.now()));
      const response = await this.#attempt(url, maxBytes, left);
      if (!(response instanceof KdsError)) return response.body;
      if (!isWorthRepeating(response)) throw response;
      last = response;
    }
    throw last ?? tooLate(url, 0, undefined);
  }

  /** The answer of success, or why there is none. */
  async #attempt(url: URL, maxBytes: number, ms: number): Promise<KdsResponse | KdsError> {
    const { fetch, signal: ended } = this.#options;
    const timeout = AbortSignal.timeout(Math.ceil(ms));
    const signal = ended === undefined ? timeout : AbortSignal.any([ended, timeout]);
    try {
      const response = await fetch(url, { maxBytes, signal });
      if (response.body.length > maxBytes) {
        throw new KdsError('ERR_KDS_INVALID', `the answer has more than ${maxBytes} bytes`);
      }
      return response.status === 200 ? response : this.#refusal(url, response);
    } catch (cause) {
      ended?.throwIfAborted();
      if (cause instanceof KdsError) throw cause;
      const reason = timeout.aborted ? 'no answer in time' : reasonOf(cause);
      return new KdsError('ERR_KDS_UNAVAILABLE', `${url.href}: ${reason}`, { cause });
    }
  }

  #refusal(url: URL, { status, retryAfter }: KdsResponse): KdsError {
    const named = retryAfter === undefined ? undefined : retryAfterMs(retryAfter, Date.now());
    const retry = named ?? (status === 429 ? TOO_MANY_REQUESTS_PAUSE_MS : undefined);
    if (retry !== undefined && (status === 429 || status === 503)) {
      this.#quietUntil = Math.max(this.#quietUntil, performance.now() + retry);
    }
    return new KdsError('ERR_KDS_UNAVAILABLE', `${url.href}: the service answered ${status}`, {
      status,
      ...(retry === undefined ? {} : { retryAfterMs: retry }),
    });
  }
}

/** Milliseconds of a Retry-After (RFC 9110, section 10.2.3); none when it is malformed. */
export function retryAfterMs(value: string, now: number): number | undefined {
  const text = value.trim();
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function isWorthRepeating({ status }: KdsError): boolean {
  return status === undefined || status === 429 || status >= 500;
}

function tooLate(url: URL, pause: number, last: KdsError | undefined): KdsError {
  return new KdsError(
    'ERR_KDS_UNAVAILABLE',
    `${url.href}: the next attempt is possible only after the deadline`,
    {
      retryAfterMs: Math.ceil(pause),
      ...(last === undefined ? {} : { cause: last }),
      ...(last?.status === undefined ? {} : { status: last.status }),
    },
  );
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
