import { setMaxListeners } from 'node:events';
import { CmcError, type Logger } from '@cmc/bytes';
import type { CallOptions, Cmc } from './cmc.ts';
import { withDeadline } from './deadline.ts';
import { ApiError } from './errors.ts';
import type { Operation } from './operations.ts';
import { Running } from './running.ts';

export interface CallsOptions {
  readonly cmc: Cmc;
  readonly logger: Logger;
  readonly maxCalls: number;
  readonly callTimeoutMs: number;
}

/** Runs the calls of one server: at most so many at a time, each with a deadline. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #closing = new AbortController();
  readonly #running = new Running();
  #closed = false;

  constructor(options: CallsOptions) {
    this.#options = options;
    setMaxListeners(0, this.#closing.signal); // one per running call
  }

  /**
   * Response of the daemon to an accepted request.
   *
   * @throws {ApiError} ERR_API_LIMIT, ERR_API_TIMEOUT, ERR_API_UNAVAILABLE; what the daemon throws
   */
  async run<Request, Response>(
    operation: Operation<Request, Response, unknown>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const { cmc, logger, maxCalls, callTimeoutMs } = this.#options;
    if (this.#closed) throw closingError();
    if (this.#running.count >= maxCalls) {
      throw new ApiError('ERR_API_LIMIT', `${maxCalls} calls are running, no more are taken`);
    }
    const start = performance.now();
    try {
      return await withDeadline(
        {
          timeoutMs: callTimeoutMs,
          what: operation.name,
          signals: [options.signal, this.#closing.signal],
        },
        // A call that ignores its signal counts until it really ends: it still holds its memory.
        (signal) => this.#running.track(operation.invoke(cmc, request, { ...options, signal })),
      );
    } catch (error) {
      // Anything without a code is a defect; its text is not sent, so this is the only trace of it.
      if (!(error instanceof CmcError) && options.signal?.aborted !== true) {
        logger.error({ operation: operation.name, error }, 'call failed unexpectedly');
      }
      throw error;
    } finally {
      const ms = Math.round(performance.now() - start);
      logger.debug({ operation: operation.name, ms }, 'call done');
    }
  }

  /** Refuses calls from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Aborts the running calls. */
  abort(): void {
    this.#closing.abort(closingError());
  }

  /** Resolves when the calls that run now have ended. */
  async idle(): Promise<void> {
    await this.#running.idle();
  }
}

function closingError(): ApiError {
  return new ApiError('ERR_API_UNAVAILABLE', 'the server is closing');
}
