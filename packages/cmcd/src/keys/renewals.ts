import type { Logger } from '@cmc/bytes';
import { retryPause } from './enrollment-failure.ts';

/** When a certificate is valid. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface RenewalsOptions {
  /** Gets a new certificate for a key, and says how long that is valid. */
  readonly renew: (id: string) => Promise<Validity>;
  /** Ends renewing. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** A clock that nobody sets, ms. Default: the one of the process. */
  readonly monotonicMs?: () => number;
  /** Default {@link CHECK_MS}. */
  readonly checkEveryMs?: number;
  readonly random?: () => number;
  readonly logger: Logger;
}

/** Time between looks at the clock, ms. */
export const CHECK_MS = 60_000;
/**
 * Renewals that begin with one look. A clock that jumps over years makes all certificates due; they
 * are renewed one after another nevertheless.
 */
export const MAX_RENEWALS_PER_CHECK = 8;
/** Part of its life after which a certificate is renewed, and how far from it at random. */
const RENEW_AFTER = 2 / 3;
const JITTER = 0.05;
/** Part of the life of a certificate that has to pass before it is renewed again, whatever clocks say. */
const MIN_PAUSE_OF_LIFE = 1 / 12;

interface Watched extends Validity {
  readonly dueAt: number;
  readonly failures: number;
  /** On the monotonic clock. */
  readonly notBeforeMs: number;
}

/** Renews certificates when 2/3 of their life are over. */
export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #running = new Set<string>();
  #failures = 0;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    const { checkEveryMs = CHECK_MS, signal } = options;
    const timer = setInterval(() => this.check(), checkEveryMs).unref();
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  /** Attempts that failed so far. */
  get failures(): number {
    return this.#failures;
  }

  /** When the first certificate expires, ms since 1970. */
  get firstExpiry(): number | undefined {
    let first: number | undefined;
    for (const { notAfter } of this.#watched.values()) {
      first = Math.min(first ?? Number.POSITIVE_INFINITY, notAfter.getTime());
    }
    return first;
  }

  watch(id: string, validity: Validity, pauseMs = 0): void {
    const { random = Math.random } = this.#options;
    const life = validity.notAfter.getTime() - validity.notBefore.getTime();
    const part = RENEW_AFTER + (2 * random() - 1) * JITTER;
    this.#watched.set(id, {
      ...validity,
      dueAt: validity.notBefore.getTime() + life * part,
      failures: 0,
      notBeforeMs: this.#monotonicMs() + pauseMs,
    });
  }

  /** Begins what is due, what expires first before the others. */
  check(): void {
    const now = this.#options.now().getTime();
    const monotonic = this.#monotonicMs();
    const due = [...this.#watched]
      .filter(([id, { dueAt, notBeforeMs }]) => {
        return dueAt <= now && notBeforeMs <= monotonic && !this.#running.has(id);
      })
      .sort(([, a], [, b]) => a.notAfter.getTime() - b.notAfter.getTime());
    const free = MAX_RENEWALS_PER_CHECK - this.#running.size;
    for (const [id, watched] of due.slice(0, Math.max(free, 0))) void this.#renew(id, watched);
  }

  async #renew(id: string, watched: Watched): Promise<void> {
    const { renew, signal, logger } = this.#options;
    this.#running.add(id);
    try {
      const validity = await renew(id);
      const life = validity.notAfter.getTime() - validity.notBefore.getTime();
      this.watch(id, validity, life * MIN_PAUSE_OF_LIFE);
      logger.info({ id, notAfter: validity.notAfter.toISOString() }, 'TLS certificate renewed');
    } catch (error) {
      if (signal.aborted) return;
      this.#failures++;
      const failures = watched.failures + 1;
      const pauseMs = retryPause(failures, this.#options.random);
      this.#watched.set(id, { ...watched, failures, notBeforeMs: this.#monotonicMs() + pauseMs });
      const { notAfter } = watched;
      const retryInMs = Math.round(pauseMs);
      logger.error({ id, error, notAfter, retryInMs }, 'cannot renew a TLS certificate');
    } finally {
      this.#running.delete(id);
    }
  }

  #monotonicMs(): number {
    return this.#options.monotonicMs?.() ?? performance.now();
  }
}
