import type { IncomingMessage } from 'node:http';
import { CmcdError } from '../errors.ts';
import { MAX_REDIRECTS } from './limits.ts';

export interface HttpGetOptions {
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots: readonly string[];
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpResource {
  /** Where it was in the end. */
  readonly url: URL;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * What a server has at `url`. Redirections are followed on the same server only.
 * @throws {CmcdError} ERR_METADATA_UNAVAILABLE, ERR_METADATA_LIMIT, ERR_METADATA_FORMAT
 */
export async function httpGet(url: URL, options: HttpGetOptions): Promise<HttpResource> {
  let target = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await request(target, options);
    const status = response.statusCode ?? 0;
    if (status === 200) {
      const contentType = response.headers['content-type'] ?? '';
      return { url: target, contentType, body: await readBody(response, target, options.maxBytes) };
    }
    response.destroy();
    const location = status >= 300 && status < 400 ? response.headers.location : undefined;
    if (location === undefined) throw unavailable(target, `the server answered ${status}`);
    target = redirected(target, location);
  }
  throw unavailable(url, `more than ${MAX_REDIRECTS} redirections`);
}

async function request(url: URL, options: HttpGetOptions): Promise<IncomingMessage> {
  const { roots, signal } = options;
  const secure = url.protocol === 'https:';
  const { request: send } = secure ? await import('node:https') : await import('node:http');
  // One connection per request: an agent would keep some open after the daemon is done.
  const common = { agent: false as const, signal, headers: { accept: '*/*' } };
  return new Promise((resolve, reject) => {
    const outgoing = send(url, secure ? { ...common, ca: [...roots] } : common, resolve);
    outgoing.once('error', (cause) => reject(failure(url, cause, signal)));
    outgoing.end();
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
