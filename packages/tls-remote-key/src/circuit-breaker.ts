import { RemoteKeyError } from './errors.ts';

/** Keeps a signer that does not answer from blocking the thread again and again. */
export class CircuitBreaker {
  readonly #pauseMs: number;
  readonly #now: () => number;
  #openUntil = Number.NEGATIVE_INFINITY;
  #reason = '';

  constructor(pauseMs: number, now: () => number = () => performance.now()) {
    this.#pauseMs = pauseMs;
    this.#now = now;
  }

  /**
   * Result of `work`, unless it failed less than the pause ago. After a pause one call tries again.
   * @throws {RemoteKeyError} ERR_REMOTE_KEY_OPEN, or what `work` throws
   */
  run<T>(work: () => T): T {
    const left = this.#openUntil - this.#now();
    if (left > 0) {
      const message = `not asked for another ${Math.ceil(left)} ms, since it failed: ${this.#reason}`;
      throw new RemoteKeyError('ERR_REMOTE_KEY_OPEN', message);
    }
    try {
      return work();
    } catch (error) {
      this.#reason = error instanceof Error ? error.message : String(error);
      this.#openUntil = this.#now() + this.#pauseMs;
      throw error;
    }
  }
}
