import { ApiError } from './errors.ts';
import { MAX_TIMEOUT_MS } from './limits.ts';

export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** What takes too long, for the message: `Attest`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` with a signal that aborts when the caller's does or when the time is over, and
 * settles then even if `work` never does.
 *
 * @throws {ApiError} ERR_API_TIMEOUT; the reason of the caller's signal when that aborts
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs, what } = options;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const forward = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  const timer = setTimeout(
    () =>
      controller.abort(
        new ApiError('ERR_API_TIMEOUT', `${what}: no answer within ${timeoutMs} ms`),
      ),
    timeoutMs,
  );
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), {
      once: true,
    });
  });
  try {
    return await Promise.race([work(controller.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', forward);
  }
}

/** `value`, or `fallback` when absent. @throws {RangeError} not a positive number of ms */
export function timeoutOption(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value > 0) || value > MAX_TIMEOUT_MS) {
    throw new RangeError(`${name}: expected 1 to ${MAX_TIMEOUT_MS} ms, got ${value}`);
  }
  return value;
}
