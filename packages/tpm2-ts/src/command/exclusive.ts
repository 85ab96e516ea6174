import { TpmError } from '../errors.ts';

export interface ExclusiveOptions<T> {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** Called, still alone, when the task ends after nobody waited for it any more. */
  readonly abandoned: (value: T) => Promise<void>;
}

/** Longest time that a task nobody waits for may keep others from running. */
const MAX_ABANDONED_MS = 120_000;

/** Runs tasks one after the other. A task that is given up runs to its end before the next. */
export class Exclusive {
  readonly #giveUp: () => void;
  #last: Promise<void> = Promise.resolve();

  /** `giveUp` is called when a task that nobody waits for does not end: it must make it fail. */
  constructor(giveUp: () => void) {
    this.#giveUp = giveUp;
  }

  /** What `task` gives. @throws {TpmError} ERR_TPM_TIMEOUT; the reason of the signal */
  run<T>(task: () => Promise<T>, options: ExclusiveOptions<T>): Promise<T> {
    const { signal, timeoutMs, abandoned } = options;
    return new Promise<T>((resolve, reject) => {
      let isWaiting = true;
      const settle = (): boolean => {
        const wasWaiting = isWaiting;
        isWaiting = false;
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        return wasWaiting;
      };
      const abort = (): void => {
        if (settle()) reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        if (settle()) reject(new TpmError('ERR_TPM_TIMEOUT', `no answer in ${timeoutMs} ms`));
      }, timeoutMs);
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort, { once: true });
      this.#last = this.#last.then(async () => {
        if (!isWaiting) return;
        const limit = setTimeout(this.#giveUp, timeoutMs + MAX_ABANDONED_MS);
        try {
          const value = await task();
          if (settle()) resolve(value);
          else await abandoned(value);
        } catch (error) {
          // When nobody waits any more there is nobody to tell.
          if (settle()) reject(error);
        } finally {
          clearTimeout(limit);
        }
      });
    });
  }
}
