import { once } from 'node:events';
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Logger } from '@cmc/bytes';
import type { ByteBudget, ByteShare } from '../byte-budget.ts';
import { withDeadline } from '../deadline.ts';
import { ApiError } from '../errors.ts';
import { FrameReader } from '../frame-reader.ts';
import { MAX_TIMEOUT_MS } from '../limits.ts';
import { Running } from '../running.ts';
import { encodeGrpcFrame, grpcFrames, messageOf } from './frame.ts';
import {
  decodeTimeout,
  encodeGrpcMessage,
  GRPC_STATUS,
  type GrpcStatus,
  GrpcStatusError,
  toStatus,
} from './status.ts';

/**
 * Answers one call: takes the messages of the client, yields those of the server. What it throws
 * becomes the status. `signal` aborts when the client is gone or its deadline is over.
 */
export type GrpcHandler = (
  messages: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>;

export interface GrpcServerOptions {
  /** By path: `/package.Service/Method`. */
  readonly handlers: ReadonlyMap<string, GrpcHandler>;
  readonly logger: Logger;
  readonly maxMessageBytes: number;
  readonly transferTimeoutMs: number;
  readonly budget: ByteBudget;
}

/** HTTP/2 windows: a message of usual size needs no round trip for more. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Calls on one connection. */
const MAX_CONCURRENT_STREAMS = 128;

/** Headers of one call. */
const MAX_HEADER_BYTES = 16 * 1024;

/** A connection on which nothing happens is told to go away after this time. */
const IDLE_CONNECTION_MS = 300_000;

/** What every HTTP/2 client sends first. */
const PREFACE_BYTES = 24;

const RESPONSE_HEADERS = Object.freeze({
  ':status': constants.HTTP_STATUS_OK,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity',
});

/** gRPC over HTTP/2 without TLS (protocol version 1), on connections that are handed to it. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #http2: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Running();

  constructor(options: GrpcServerOptions) {
    const { logger } = options;
    this.#options = options;
    this.#http2 = createServer({
      settings: {
        initialWindowSize: WINDOW_BYTES,
        maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
        maxHeaderListSize: MAX_HEADER_BYTES,
      },
      // Would count responses that wait to be sent, too. The budget bounds those and the requests.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    this.#http2.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      // The socket has the same error, and the listener writes that down.
      session.on('error', () => {});
      session.setLocalWindowSize(WINDOW_BYTES);
      session.setTimeout(IDLE_CONNECTION_MS, () => session.close());
    });
    this.#http2.on('stream', (stream, headers) => {
      stream.on('error', (error) => logger.debug({ error }, 'call failed'));
      this.#calls.track(this.#serve(stream, headers)).catch((error: unknown) => {
        logger.error({ error }, 'call failed unexpectedly');
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      });
    });
  }

  accept(socket: Socket): void {
    const silent = setTimeout(() => {
      if (socket.bytesRead < PREFACE_BYTES) socket.destroy();
    }, this.#options.transferTimeoutMs);
    socket.once('close', () => clearTimeout(silent));
    this.#http2.emit('connection', socket);
  }

  /** Takes no more calls; resolves when those that run are answered. */
  async idle(): Promise<void> {
    for (const session of this.#sessions) session.close();
    await this.#calls.idle();
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    if (!/^application\/grpc(?:\+proto)?(?:;|$)/.test(headers['content-type'] ?? '')) {
      stream.respond(
        { ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE },
        { endStream: true },
      );
      return;
    }
    const share = this.#options.budget.share();
    const gone = new AbortController();
    stream.once('close', () => {
      share.release();
      gone.abort(new ApiError('ERR_API_UNAVAILABLE', 'the peer is gone'));
    });
    await this.#end(stream, await this.#answer(stream, headers, { share, signal: gone.signal }));
  }

  /** Sends the messages of the answer; yields the status to end with. */
  async #answer(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { share, signal }: { readonly share: ByteShare; readonly signal: AbortSignal },
  ): Promise<GrpcStatus> {
    const path = headers[':path'] ?? '';
    const handler = this.#options.handlers.get(path);
    const timeout = headers['grpc-timeout'];
    const timeoutMs = typeof timeout === 'string' ? decodeTimeout(timeout) : undefined;
    try {
      if (handler === undefined) {
        throw new GrpcStatusError(GRPC_STATUS.UNIMPLEMENTED, 'unknown method');
      }
      return await withDeadline(
        {
          timeoutMs: Math.min(timeoutMs ?? MAX_TIMEOUT_MS, MAX_TIMEOUT_MS),
          what: path,
          signals: [signal],
        },
        async (combined) => {
          for await (const message of handler(this.#receive(stream, share), combined)) {
            share.hold(message.length);
            await this.#send(stream, message, combined);
          }
          return { code: GRPC_STATUS.OK, message: '' };
        },
      );
    } catch (error) {
      return toStatus(error);
    }
  }

  async *#receive(stream: ServerHttp2Stream, share: ByteShare): AsyncGenerator<Uint8Array> {
    const reader = new FrameReader(grpcFrames(this.#options.maxMessageBytes));
    const chunks: AsyncIterable<Uint8Array> = stream.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      reader.append(chunk);
      share.hold(reader.bufferedBytes);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        yield messageOf(frame);
      }
    }
    if (reader.pendingBytes > 0) {
      throw new ApiError('ERR_API_PROTOCOL', 'the request ends in the middle of a message');
    }
  }

  /** Hands `message` to HTTP/2, and waits while the client does not read. */
  async #send(stream: ServerHttp2Stream, message: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!stream.headersSent) stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    if (stream.write(encodeGrpcFrame(message))) return;
    await withDeadline(
      { timeoutMs: this.#options.transferTimeoutMs, what: 'sending a message', signals: [signal] },
      (combined) => once(stream, 'drain', { signal: combined }),
    );
  }

  async #end(stream: ServerHttp2Stream, { code, message }: GrpcStatus): Promise<void> {
    if (stream.destroyed || stream.closed) return;
    const status = {
      'grpc-status': String(code),
      ...(message === '' ? {} : { 'grpc-message': encodeGrpcMessage(message) }),
    };
    const late = setTimeout(
      () => stream.close(constants.NGHTTP2_CANCEL),
      this.#options.transferTimeoutMs,
    );
    const closed = new Promise<void>((resolve) => {
      stream.once('close', () => {
        clearTimeout(late);
        resolve();
      });
    });
    // Whatever the client still sends is dropped, and it is told to stop once it has the status.
    stream.resume();
    const stop = (): void => void setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    if (stream.headersSent) {
      stream.once('wantTrailers', () => {
        stream.sendTrailers(status);
        stop();
      });
      stream.end();
    } else {
      stream.respond({ ...RESPONSE_HEADERS, ...status }, { endStream: true });
      stop();
    }
    await closed;
  }
}

/**
 * A handler for one message each way.
 *
 * @param transferTimeoutMs time for the request to arrive
 */
export function unary(
  transferTimeoutMs: number,
  handle: (message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>,
): GrpcHandler {
  return async function* (messages, signal) {
    const message = await withDeadline(
      { timeoutMs: transferTimeoutMs, what: 'receiving the request', signals: [signal] },
      () => onlyMessage(messages),
    );
    yield await handle(message, signal);
  };
}

/** The one message of a stream. @throws {ApiError} ERR_API_PROTOCOL: none, or more */
export async function onlyMessage(messages: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let only: Uint8Array | undefined;
  for await (const message of messages) {
    if (only !== undefined) throw new ApiError('ERR_API_PROTOCOL', 'more than one message');
    only = message;
  }
  return only ?? Promise.reject(new ApiError('ERR_API_PROTOCOL', 'no message'));
}
