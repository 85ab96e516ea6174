/** A request whose size, time and count are within the limits of the server. */
export interface ProvRequest {
  readonly method: string;
  /** As sent, without the query: neither decoded nor normalized. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Certificate of the client, DER, whose key it has; its chain is for the handler to verify. */
  readonly peerCertificate?: Uint8Array;
  readonly remoteAddress: string;
  /** Aborted when the client is gone, time is up, or the server ends. */
  readonly signal: AbortSignal;
}

export interface ProvResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** What is known of a request before its body is read. */
export type ProvRequestHead = Omit<ProvRequest, 'body'>;

interface Handler {
  readonly method: 'GET' | 'POST';
  /** Longest body that is read, bytes. Default: no body. */
  readonly maxBodyBytes?: number;
  /** Throws an `HttpError` for a request whose body need not be read. */
  readonly admit?: (head: ProvRequestHead) => Promise<void>;
  /**
   * Settles soon after the signal of the request, for until then it counts as running. An `HttpError`
   * is the answer; of anything else that it throws the client learns nothing but the status 500.
   */
  readonly handle: (request: ProvRequest) => Promise<ProvResponse>;
}

/** Answers requests of one method for one path, or for every path that starts with a prefix. */
export type RouteHandler =
  | (Handler & { readonly path: string; readonly prefix?: never })
  | (Handler & { readonly prefix: string; readonly path?: never });
