import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { concatBytes } from '@cmc/bytes';
import { EstError } from './errors.ts';

export interface HttpsRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Trust anchors and, maybe, the certificate of the client. */
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key'>;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpsResponse {
  readonly status: number;
  readonly contentType: string;
  /** Value of the header Retry-After. */
  readonly retryAfter?: string;
  readonly body: Uint8Array;
}

/**
 * The answer to one request, over a connection of its own. Redirections are not followed.
 *
 * @throws {EstError} ERR_EST_UNAVAILABLE, ERR_EST_UNTRUSTED, ERR_EST_LIMIT; the reason of the signal
 */
export async function sendHttps(request: HttpsRequest): Promise<HttpsResponse> {
  const { url, maxBytes, signal } = request;
  try {
    const response = await send(request);
    const body = await readBody(response, maxBytes);
    const retryAfter = response.headers['retry-after'];
    return {
      status: response.statusCode ?? 0,
      contentType: response.headers['content-type'] ?? '',
      ...(retryAfter === undefined ? {} : { retryAfter }),
      body,
    };
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof EstError) throw cause;
    throw new EstError('ERR_EST_UNAVAILABLE', `${url.href}: ${reasonOf(cause)}`, { cause });
  }
}

async function send(request: HttpsRequest): Promise<IncomingMessage> {
  const { url, method, headers, body, tls, signal } = request;
  return await new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      url,
      { ...tls, method, headers, signal, agent: false, minVersion: 'TLSv1.2' },
      resolve,
    );
    outgoing.on('error', (cause) => {
      const socket = outgoing.socket as TLSSocket | null;
      // Set by the check of the server's certificate, before the connection breaks because of it.
      const distrusted =
        socket?.authorizationError !== undefined && socket.authorizationError !== null;
      reject(distrusted ? untrusted(url, cause) : cause);
    });
    outgoing.end(body);
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const tooLong = (): EstError =>
    new EstError('ERR_EST_LIMIT', `the server answers more than ${maxBytes} bytes`);
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy();
    throw tooLong();
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > maxBytes) throw tooLong();
    chunks.push(chunk);
  }
  return concatBytes(...chunks);
}

function untrusted(url: URL, cause: Error): EstError {
  return new EstError('ERR_EST_UNTRUSTED', `${url.href}: ${reasonOf(cause)}`, { cause });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
