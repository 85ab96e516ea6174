import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { KdsError } from './errors.ts';

export interface KdsFetchOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface KdsResponse {
  readonly status: number;
  /** Value of the header Retry-After. */
  readonly retryAfter?: string;
  readonly body: Uint8Array;
}

/** One GET. Rejects when there is no complete answer; any status is an answer. */
export type KdsFetch = (url: URL, options: KdsFetchOptions) => Promise<KdsResponse>;

/**
 * A GET over TLS, on a connection of its own; redirections are not followed.
 * @param roots Certificates, PEM, of the server's authorities. Default: those of Node.js.
 */
export function httpsFetch(roots?: readonly string[]): KdsFetch {
  return async (url, { maxBytes, signal }) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = httpsRequest(
        url,
        {
          agent: false,
          minVersion: 'TLSv1.2',
          signal,
          ...(roots === undefined ? {} : { ca: [...roots] }),
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
    const retryAfter = response.headers['retry-after'];
    return {
      status: response.statusCode ?? 0,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      body: await readBody(response, maxBytes),
    };
  };
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > maxBytes) {
      response.destroy();
      throw new KdsError('ERR_KDS_INVALID', `the answer has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
