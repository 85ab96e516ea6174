import { ApiError } from './errors.ts';
import { MAX_TIMEOUT_MS } from './limits.ts';

export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** What takes too long, for the message: `Attest`. */
  readonly what: string;
  /** Abort the work too, with their reasons. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/**
 * Runs `work` with a signal that aborts when one of the given signals does or when the time is
 * over. Rejects then even if `work` never settles.
 *
 * @throws {ApiError} ERR_API_TIMEOUT; the reason of the signal that aborted
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeoutMs, what } = options;
  const signals = options.signals.filter((signal) => signal !== undefined);
  for (const signal of signals) signal.throwIfAborted();

  const controller = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
  });
  const forward = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  for (const signal of signals) signal.addEventListener('abort', forward);
  const timer = setTimeout(() => {
    controller.abort(new ApiError('ERR_API_TIMEOUT', `${what}: not done within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([work(controller.signal), aborted]);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', forward);
  }
}

/** `value`, or `fallback` when absent. @throws {RangeError} not an integer from 1 to `max` */
export function positiveOption(
  name: string,
  value: number | undefined,
  fallback: number,
  max: number = MAX_TIMEOUT_MS,
): number {
  if (value === undefined) return fallback;
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${name}: expected an integer from 1 to ${max}, got ${value}`);
  }
  return value;
}
