import { type Logger, silentLogger } from '@cmc/bytes';
import { ByteBudget } from './byte-budget.ts';
import { Calls } from './calls.ts';
import type { Cmc } from './cmc.ts';
import { positiveOption } from './deadline.ts';
import {
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_GRACE_MS,
  DEFAULT_MAX_BUFFERED_BYTES,
  DEFAULT_MAX_CALLS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_TRANSFER_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
} from './limits.ts';

/** Options that the servers of all transports have. */
export interface ServeOptions {
  /** `unix:///path`, `tcp://host:port`, `host:port`, or a path; loopback only. Port 0: any. */
  readonly address: string;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Closes the server when it aborts. */
  readonly signal?: AbortSignal;
  /** Calls that run at the same time; more get ERR_API_LIMIT. Default 256. */
  readonly maxCalls?: number;
  /** Time for one call before it is aborted. Default 30 s. */
  readonly callTimeoutMs?: number;
}

/** Options of servers that hold connections. */
export interface StreamServeOptions extends ServeOptions {
  /** Connections that are held; more are closed at once. Default 1024. */
  readonly maxConnections?: number;
  /** Time for a peer to send one request, and to take one response. Default 10 s. */
  readonly transferTimeoutMs?: number;
  /** Longest message, either way; at most and by default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Memory for the messages of all connections together. Default 128 MiB. */
  readonly maxBufferedBytes?: number;
}

/** {@link ServeOptions} with defaults filled in. */
export interface ResolvedServeOptions {
  readonly address: string;
  readonly logger: Logger;
  readonly calls: Calls;
}

/** {@link StreamServeOptions} with defaults filled in. */
export interface ResolvedStreamOptions extends ResolvedServeOptions {
  readonly maxConnections: number;
  readonly transferTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly budget: ByteBudget;
}

/** Fills in the defaults. @throws {RangeError} */
export function resolveServeOptions(cmc: Cmc, options: ServeOptions): ResolvedServeOptions {
  const { address, logger = silentLogger, maxCalls, callTimeoutMs } = options;
  const calls = new Calls({
    cmc,
    logger,
    maxCalls: positiveOption('maxCalls', maxCalls, DEFAULT_MAX_CALLS),
    callTimeoutMs: positiveOption('callTimeoutMs', callTimeoutMs, DEFAULT_CALL_TIMEOUT_MS),
  });
  return { address, logger, calls };
}

/** Fills in the defaults. @throws {RangeError} */
export function resolveStreamOptions(cmc: Cmc, options: StreamServeOptions): ResolvedStreamOptions {
  const { maxConnections, transferTimeoutMs, maxMessageBytes, maxBufferedBytes } = options;
  return {
    ...resolveServeOptions(cmc, options),
    maxConnections: positiveOption('maxConnections', maxConnections, DEFAULT_MAX_CONNECTIONS),
    transferTimeoutMs: positiveOption(
      'transferTimeoutMs',
      transferTimeoutMs,
      DEFAULT_TRANSFER_TIMEOUT_MS,
    ),
    maxMessageBytes: positiveOption(
      'maxMessageBytes',
      maxMessageBytes,
      MAX_MESSAGE_BYTES,
      MAX_MESSAGE_BYTES,
    ),
    budget: new ByteBudget(
      positiveOption('maxBufferedBytes', maxBufferedBytes, DEFAULT_MAX_BUFFERED_BYTES),
    ),
  };
}

export interface CloseOptions {
  /** Time that running calls get before they are aborted. Default 5 s. */
  readonly graceMs?: number;
}

/** An API that is being served. */
export interface ApiServer extends AsyncDisposable {
  /** Where it is reached: `host:port` with the real port, or `unix://path`. */
  readonly address: string;
  /** Stops accepting, waits for running calls, then closes every connection. */
  close(options?: CloseOptions): Promise<void>;
}

/** What a transport contributes to its {@link ApiServer}. */
export interface ServerParts {
  readonly address: string;
  readonly calls: Calls;
  readonly signal?: AbortSignal | undefined;
  /** Stops accepting. */
  stop(): void;
  /** Resolves when no call runs and every response is on its way. */
  idle(): Promise<void>;
  /** Closes what is left, at once. */
  destroy(): Promise<void>;
}

export function createApiServer(parts: ServerParts): ApiServer {
  const { address, calls, signal } = parts;
  let closed: Promise<void> | undefined;

  const shutDown = async (graceMs: number): Promise<void> => {
    parts.stop();
    calls.close();
    await settledWithin(graceMs, parts.idle());
    calls.abort();
    await parts.destroy();
  };
  const close = (options: CloseOptions = {}): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    closed ??= shutDown(options.graceMs ?? DEFAULT_GRACE_MS);
    return closed;
  };
  // Nobody waits for the close that a signal starts, and it has nobody to tell about a failure.
  const onAbort = (): void => void close().catch(() => {});
  signal?.addEventListener('abort', onAbort, { once: true });
  return { address, close, [Symbol.asyncDispose]: () => close() };
}

async function settledWithin(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeUp]);
  clearTimeout(timer);
}
