import { CmcdError } from '../errors.ts';

/** Runs work, so much at a time. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

export interface LimiterOptions {
  /** How much runs at once. */
  readonly running: number;
  /** How much more may wait; further work is refused. */
  readonly waiting: number;
}

/** @throws {CmcdError} the limiter rejects with ERR_KEY_BUSY when too much waits already */
export function createLimiter(options: LimiterOptions): Limiter {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= options.running) {
      if (queue.length >= options.waiting) {
        throw new CmcdError('ERR_KEY_BUSY', `${queue.length} TLS keys wait for their enrolment`);
      }
      await new Promise<void>((resolve) => queue.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      // The place goes to the next one, or is free.
      const next = queue.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
