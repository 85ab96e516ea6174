/** Bounds of what clients may use up. */
export interface HttpLimits {
  /** Request line and all header fields together. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the last. */
  readonly requestTimeoutMs: number;
  /** From the last byte of a request to its answer. */
  readonly handlerTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxRequestsPerConnection: number;
  /** Bodies of all requests at one time, memory that they grow into included. */
  readonly maxBodyBytes: number;
  /** Requests that are read or answered at one time. */
  readonly maxConcurrent: number;
  readonly maxConcurrentPerAddress: number;
  readonly maxPathCharacters: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = Object.freeze({
  maxHeaderBytes: 8_192,
  maxHeaders: 64,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  handlerTimeoutMs: 30_000,
  keepAliveTimeoutMs: 10_000,
  handshakeTimeoutMs: 5_000,
  maxConnections: 1_024,
  maxConnectionsPerAddress: 128,
  maxRequestsPerConnection: 100,
  maxBodyBytes: 128 * 1024 * 1024,
  maxConcurrent: 256,
  maxConcurrentPerAddress: 64,
  maxPathCharacters: 2_048,
});
