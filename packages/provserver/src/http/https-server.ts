import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { abortable, type Logger } from '@cmc/bytes';
import { addressGroup } from './address-group.ts';
import { BodyBudget } from './body-budget.ts';
import { UsageCounter } from './counter.ts';
import { findRoute } from './find-route.ts';
import { HttpError, textResponse } from './http-error.ts';
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { readBody } from './read-body.ts';
import type { ProvResponse, RouteHandler } from './route.ts';

export interface HttpsServerOptions {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
  readonly routes: readonly RouteHandler[];
  readonly logger: Logger;
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpsServer {
  /** `host:port` with the port that was given. */
  readonly address: string;
  /** Takes no more requests, and gives those that run `graceMs` to end. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const DEFAULT_GRACE_MS = 5_000;
const RETRY = { 'retry-after': '5' };

/** Serves `routes` over TLS 1.2 or 1.3 until it is closed. */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const { logger, routes } = options;
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const connections = new UsageCounter(limits.maxConnections, limits.maxConnectionsPerAddress);
  const running = new UsageCounter(limits.maxConcurrent, limits.maxConcurrentPerAddress);
  const budget = new BodyBudget(limits.maxBodyBytes);
  const stop = new AbortController();
  const server = createServer({
    ...options.tls,
    minVersion: 'TLSv1.2',
    // Whether a certificate is needed, and which is good, is for each route to say.
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    insecureHTTPParser: false,
  });
  server.maxHeadersCount = limits.maxHeaders;
  server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    const release = connections.take(addressGroup(socket.remoteAddress ?? ''));
    if (release === undefined) return void socket.destroy();
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      open.delete(socket);
      release();
    });
  });
  server.on('tlsClientError', () => {});

  const answer = async (incoming: IncomingMessage, signal: AbortSignal): Promise<ProvResponse> => {
    const target = incoming.url ?? '';
    if (target.length > limits.maxPathCharacters) throw new HttpError(414, 'the path is too long');
    if (!target.startsWith('/')) throw new HttpError(400, 'expected a path');
    const [path = '', ...query] = target.split('?');
    const { method = '', headers, socket } = incoming;
    const route = findRoute(routes, method, path);
    const peer = (socket as TLSSocket).getPeerX509Certificate?.();
    const head = {
      method,
      path,
      query: new URLSearchParams(query.join('?')),
      headers: headers as Readonly<Record<string, string | undefined>>,
      ...(peer === undefined ? {} : { peerCertificate: new Uint8Array(peer.raw) }),
      remoteAddress: socket.remoteAddress ?? '',
      signal,
    };
    await route.admit?.(head);
    const { body, release } = await readBody(incoming, route.maxBodyBytes ?? 0, budget);
    try {
      return await route.handle({ ...head, body });
    } finally {
      release();
    }
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const release = running.take(addressGroup(incoming.socket.remoteAddress ?? ''));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const limit = AbortSignal.timeout(limits.requestTimeoutMs + limits.handlerTimeoutMs);
    const signal = AbortSignal.any([gone.signal, stop.signal, limit]);
    try {
      if (release === undefined) throw new HttpError(503, 'too many requests at once', RETRY);
      // Work that goes on although nobody waits for it counts, too.
      const work = answer(incoming, signal).finally(release);
      send(incoming, response, await abortable(work, signal));
    } catch (error) {
      if (gone.signal.aborted) return;
      send(incoming, response, refusal(error, signal, logger));
    }
  };
  server.on('request', (incoming, response) => void serve(incoming, response));
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;

  return {
    address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    close: async ({ graceMs = DEFAULT_GRACE_MS } = {}) => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => {
        stop.abort();
        for (const socket of open) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function refusal(error: unknown, signal: AbortSignal, logger: Logger): ProvResponse {
  if (error instanceof HttpError) return textResponse(error.status, error.message, error.headers);
  if (signal.aborted) return textResponse(503, 'no answer in time', RETRY);
  logger.error({ error }, 'a request failed');
  return textResponse(500, 'the server failed');
}

function send(incoming: IncomingMessage, response: ServerResponse, answer: ProvResponse): void {
  // What was not read of a refused request is not waited for: the connection ends with the answer.
  const isRead = incoming.complete;
  const { socket } = response;
  response.writeHead(answer.status, {
    'cache-control': 'no-store',
    ...answer.headers,
    'content-length': Buffer.byteLength(answer.body),
    'x-content-type-options': 'nosniff',
    ...(isRead ? {} : { connection: 'close' }),
  });
  response.end(answer.body, () => {
    if (!isRead) socket?.destroySoon();
  });
}
