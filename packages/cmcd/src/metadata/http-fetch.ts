import type { IncomingMessage } from 'node:http';
import { CmcdError } from '../errors.ts';
import { MAX_REDIRECTS } from './limits.ts';

export interface HttpFetchOptions {
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots: readonly string[];
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Media types that are wanted. */
  readonly accept?: string;
  /** What to POST. Default: GET. */
  readonly post?: { readonly contentType: string; readonly body: Uint8Array };
}

export interface HttpResource {
  /** Where it was in the end. */
  readonly url: URL;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * What a server answers at `url`. Redirections of GET are followed, on the same server only.
 * @throws {CmcdError} ERR_METADATA_UNAVAILABLE, ERR_METADATA_LIMIT, ERR_METADATA_FORMAT
 */
export async function httpFetch(url: URL, options: HttpFetchOptions): Promise<HttpResource> {
  let target = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await request(target, options);
    const status = response.statusCode ?? 0;
    if (status === 200) {
      const contentType = response.headers['content-type'] ?? '';
      return { url: target, contentType, body: await readBody(response, target, options.maxBytes) };
    }
    response.destroy();
    const isRedirect = status >= 300 && status < 400 && options.post === undefined;
    const location = isRedirect ? response.headers.location : undefined;
    if (location === undefined) throw unavailable(target, `the server answered ${status}`);
    target = redirected(target, location);
  }
  throw unavailable(url, `more than ${MAX_REDIRECTS} redirections`);
}

async function request(url: URL, options: HttpFetchOptions): Promise<IncomingMessage> {
  const { roots, signal, post, accept } = options;
  const secure = url.protocol === 'https:';
  const { request: send } = secure ? await import('node:https') : await import('node:http');
  return new Promise((resolve, reject) => {
    const outgoing = send(
      url,
      {
        method: post === undefined ? 'GET' : 'POST',
        headers: {
          ...(post === undefined ? {} : { 'content-type': post.contentType }),
          ...(accept === undefined ? {} : { accept }),
        },
        // One connection per request: an agent would keep some open after the daemon is done.
        agent: false,
        signal,
        ...(secure ? { ca: [...roots] } : {}),
      },
      resolve,
    );
    outgoing.once('error', (cause) => reject(failure(url, cause, signal)));
    outgoing.end(post?.body);
  });
}

async function readBody(
  response: IncomingMessage,
  url: URL,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      length += chunk.length;
      if (length > maxBytes) {
        throw new CmcdError('ERR_METADATA_LIMIT', `${url.href} has more than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof CmcdError) throw error;
    throw unavailable(url, 'the connection broke', { cause: error });
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to?.origin === from.origin) return to;
  throw new CmcdError(
    'ERR_METADATA_FORMAT',
    `${from.href} redirects to another server: configure that one if it is trusted`,
  );
}

function failure(url: URL, cause: unknown, signal: AbortSignal): CmcdError {
  return unavailable(url, signal.aborted ? 'no answer in time' : 'the request failed', { cause });
}

function unavailable(url: URL, problem: string, options?: ErrorOptions): CmcdError {
  return new CmcdError('ERR_METADATA_UNAVAILABLE', `${url.href}: ${problem}`, options);
}
