import { setMaxListeners } from 'node:events';
import type { Serialization } from '@cmc/attestationreport';
import type { CallOptions, Cmc } from './cmc.ts';
import { positiveOption, withDeadline } from './deadline.ts';
import { ApiError } from './errors.ts';
import { DEFAULT_TIMEOUT_MS } from './limits.ts';
import { type Operation, operations } from './operations.ts';

/** A {@link Cmc} in another process. */
export interface CmcClient extends Cmc, AsyncDisposable {
  /** Aborts running calls and closes connections; every later call is refused. */
  close(): Promise<void>;
}

/** Options that the clients of all transports have. */
export interface ClientOptions {
  /** `unix:///path`, `tcp://host:port`, `host:port`, or a path. */
  readonly address: string;
  /** Serialization of requests, where the transport has a choice, and of reports. Default `cbor`. */
  readonly serialization?: Serialization;
  /** Time for one call, connecting included. Default 10 s. */
  readonly timeoutMs?: number;
}

/** What one call is made with. */
export interface TransportCallOptions {
  readonly signal: AbortSignal;
  readonly serialization: Serialization;
  /** Time left until `signal` aborts, for transports that tell their server. */
  readonly timeoutMs: number;
}

/** One way to a daemon. */
export interface Transport {
  call<Request, Response>(
    operation: Operation<Request, Response, unknown>,
    request: Request,
    options: TransportCallOptions,
  ): Promise<Response>;
  close(): Promise<void>;
}

/** A client that calls over `transport`, with a deadline on every call. */
export function createClient(transport: Transport, options: ClientOptions): CmcClient {
  const timeoutMs = positiveOption('timeoutMs', options.timeoutMs, DEFAULT_TIMEOUT_MS);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one per running call

  const call = async <Request, Response>(
    operation: Operation<Request, Response, unknown>,
    request: Request,
    { signal, serialization = options.serialization ?? 'cbor' }: CallOptions = {},
  ): Promise<Response> =>
    await withDeadline(
      { timeoutMs, what: operation.name, signals: [signal, closing.signal] },
      (combined) =>
        transport.call(operation, request, { signal: combined, serialization, timeoutMs }),
    );
  const close = async (): Promise<void> => {
    closing.abort(new ApiError('ERR_API_UNAVAILABLE', 'the client is closed'));
    await transport.close();
  };

  return {
    attest: (request, options) => call(operations.attest, request, options),
    verify: (request, options) => call(operations.verify, request, options),
    tlsCreate: (request, options) => call(operations.tlsCreate, request, options),
    tlsSign: (request, options) => call(operations.tlsSign, request, options),
    tlsCert: (request, options) => call(operations.tlsCert, request, options),
    peerCache: (request, options) => call(operations.peerCache, request, options),
    measure: (request, options) => call(operations.measure, request, options),
    updateCerts: (options) => call(operations.updateCerts, {}, options),
    updateMetadata: (options) => call(operations.updateMetadata, {}, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}
