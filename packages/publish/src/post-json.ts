import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { Credentials } from './credentials.ts';
import { PublishError } from './errors.ts';
import { MAX_RESPONSE_BYTES } from './limits.ts';
import { displayUrl } from './target-url.ts';

export interface PostOptions {
  readonly credentials: Credentials;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends JSON on a connection of its own; done when the server answered 200 or 201. Redirections are
 * refusals: the token is for this server only.
 * @throws {PublishError}
 */
export async function postJson(url: URL, json: string, options: PostOptions): Promise<void> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const fail = (cause: unknown): PublishError => {
    if (cause instanceof PublishError) return cause;
    const where = displayUrl(url);
    if (options.signal?.aborted)
      return new PublishError('ERR_PUBLISH_ABORTED', `${where}: aborted`);
    if (timeout.aborted) {
      const message = `${where}: no answer within ${options.timeoutMs} ms`;
      return new PublishError('ERR_PUBLISH_TIMEOUT', message);
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new PublishError('ERR_PUBLISH_UNAVAILABLE', `${where}: ${reason}`, { cause });
  };
  try {
    signal.throwIfAborted();
    const response = await send(url, json, options, signal);
    const { statusCode: status = 0 } = response;
    if (status === 200 || status === 201) {
      response.destroy();
      return;
    }
    const said = await startOfBody(response);
    const message = `${displayUrl(url)}: the server answered ${status}${said && `: ${said}`}`;
    throw new PublishError('ERR_PUBLISH_REFUSED', message, { status });
  } catch (cause) {
    throw fail(cause);
  }
}

async function send(
  url: URL,
  json: string,
  { credentials }: PostOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { token } = credentials;
  const body = Buffer.from(json);
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  // Known to tls.connect, which gets all of them, but not to the types of requests.
  const tls: ConnectionOptions = { secureContext: credentials.tls };
  const common = { method: 'POST', headers, agent: false, signal } as const;
  return await new Promise((resolve, reject) => {
    const outgoing =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...common, ...tls }, resolve)
        : httpRequest(url, common, resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The first printable characters of an answer, for a message; the rest is not waited for. */
async function startOfBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_RESPONSE_BYTES) break;
  }
  const text = Buffer.concat(chunks).subarray(0, MAX_RESPONSE_BYTES).toString('utf8');
  return text.replace(/[\p{C}\s]+/gu, ' ').trim();
}
