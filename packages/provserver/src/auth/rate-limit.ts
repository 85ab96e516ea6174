export interface RateLimitOptions {
  /** How many in a row. */
  readonly burst: number;
  /** After so long there is one more, ms. */
  readonly pauseMs: number;
  /** Keys that are remembered; the one that was used longest ago is forgotten first. */
  readonly maxKeys: number;
  /** Clock, ms. */
  readonly clock?: () => number;
}

/** Counts events by key, and forgets them as time passes. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #clock: () => number;
  /** When all events of a key are forgotten, ms. */
  readonly #clearAt = new Map<string, number>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#clock = options.clock ?? ((): number => performance.now());
  }

  /** How long until there may be another event of a key, ms; 0 for now. */
  waitMs(key: string): number {
    const { burst, pauseMs } = this.#options;
    const clearAt = this.#clearAt.get(key) ?? 0;
    return Math.max(0, clearAt - (burst - 1) * pauseMs - this.#clock());
  }

  /** Counts an event, and says whether it is within the limit. */
  add(key: string): boolean {
    const { pauseMs, maxKeys } = this.#options;
    const now = this.#clock();
    const isWithin = this.waitMs(key) === 0;
    const clearAt = Math.max(this.#clearAt.get(key) ?? 0, now);
    this.#clearAt.delete(key);
    // What is above the limit is not added: nobody waits longer for having tried.
    this.#clearAt.set(key, isWithin ? clearAt + pauseMs : clearAt);
    if (this.#clearAt.size > maxKeys) {
      const [oldest] = this.#clearAt.keys();
      if (oldest !== undefined) this.#clearAt.delete(oldest);
    }
    return isWithin;
  }
}
