import type { Socket } from 'node:net';
import type { Serialization } from '@cmc/attestationreport';
import {
  type ApiServer,
  createApiServer,
  type ResolvedServeOptions,
  resolveServeOptions,
  type StreamServeOptions,
} from '../api-server.ts';
import type { Cmc } from '../cmc.ts';
import { decodeRequest, encodeError, guessSerialization } from '../codec.ts';
import { positiveOption } from '../deadline.ts';
import { ApiError } from '../errors.ts';
import { FrameReader } from '../frame-reader.ts';
import { DEFAULT_MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES } from '../limits.ts';
import { listen } from '../listen.ts';
import { type AnyOperation, allOperations } from '../operations.ts';
import { Running } from '../running.ts';
import { ERROR_TYPE, encodeFrame, type Frame, socketFrames } from './frame.ts';
import { receiveFrame } from './receive-frame.ts';

/** Options of {@link serveSocket}. */
export interface SocketServeOptions extends StreamServeOptions {
  /** Longest payload, either way. Default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Memory for the requests of all connections together. Default 128 MiB. */
  readonly maxBufferedBytes?: number;
}

/**
 * Serves `cmc` on a Unix socket (mode 0660) or on loopback TCP: one request and one response per
 * connection, JSON or CBOR as the request is. Whoever can connect can call everything.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export async function serveSocket(cmc: Cmc, options: SocketServeOptions): Promise<ApiServer> {
  const resolved = resolveServeOptions(cmc, options);
  const server = new SocketServer(resolved, {
    maxMessageBytes: positiveOption(
      'maxMessageBytes',
      options.maxMessageBytes,
      MAX_MESSAGE_BYTES,
      MAX_MESSAGE_BYTES,
    ),
    maxBufferedBytes: positiveOption(
      'maxBufferedBytes',
      options.maxBufferedBytes,
      DEFAULT_MAX_BUFFERED_BYTES,
    ),
  });
  const listener = await listen({ ...resolved, onConnection: (socket) => server.accept(socket) });
  return createApiServer({
    address: listener.address,
    calls: resolved.calls,
    signal: options.signal,
    stop: listener.stop,
    idle: () => server.idle(),
    destroy: listener.destroy,
  });
}

const byType: ReadonlyMap<number, AnyOperation> = new Map(
  allOperations.map((operation) => [operation.socketType, operation]),
);

interface SocketLimits {
  readonly maxMessageBytes: number;
  readonly maxBufferedBytes: number;
}

class SocketServer {
  readonly #options: ResolvedServeOptions;
  readonly #limits: SocketLimits;
  /** From the complete request to the answer in the hands of the kernel. */
  readonly #exchanges = new Running();
  #bufferedBytes = 0;

  constructor(options: ResolvedServeOptions, limits: SocketLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  async idle(): Promise<void> {
    await this.#exchanges.idle();
  }

  accept(socket: Socket): void {
    this.#serve(socket).catch((error: unknown) => {
      this.#options.logger.error({ error }, 'connection failed unexpectedly');
      socket.destroy();
    });
  }

  async #serve(socket: Socket): Promise<void> {
    const late = setTimeout(() => socket.destroy(), this.#options.transferTimeoutMs);
    try {
      const frame = await this.#receive(socket);
      clearTimeout(late);
      await this.#exchanges.track(this.#exchange(socket, frame));
    } catch (error) {
      clearTimeout(late);
      await this.#send(socket, errorFrame(error, 'cbor'));
    }
  }

  async #exchange(socket: Socket, frame: Frame): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort(new ApiError('ERR_API_UNAVAILABLE', 'the peer is gone')));
    await this.#send(socket, await this.#answer(frame, gone.signal));
  }

  /** Hands `answer` to the kernel; the peer then has its time to take it and to close. */
  async #send(socket: Socket, answer: Uint8Array): Promise<void> {
    if (socket.destroyed) return;
    const taken = setTimeout(() => socket.destroy(), this.#options.transferTimeoutMs);
    socket.once('close', () => clearTimeout(taken));
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.end(answer, resolve);
    });
  }

  async #receive(socket: Socket): Promise<Frame> {
    const { maxMessageBytes, maxBufferedBytes } = this.#limits;
    const reader = new FrameReader(socketFrames(maxMessageBytes));
    let held = 0;
    socket.once('close', () => {
      this.#bufferedBytes -= held;
    });
    return await receiveFrame(socket, reader, () => {
      this.#bufferedBytes += reader.bufferedBytes - held;
      held = reader.bufferedBytes;
      if (this.#bufferedBytes > maxBufferedBytes) {
        throw new ApiError('ERR_API_LIMIT', 'too many bytes of other requests are waiting');
      }
    });
  }

  async #answer({ type, payload }: Frame, signal: AbortSignal): Promise<Uint8Array> {
    const operation = byType.get(type);
    try {
      if (operation === undefined) {
        throw new ApiError('ERR_API_PROTOCOL', `unknown message type ${type}`);
      }
      const { request, serialization } = decodeRequest(operation, payload);
      const response = await this.#options.calls.run(operation, request, { serialization, signal });
      return this.#frame(type, operation.response.encode(response, serialization));
    } catch (error) {
      return errorFrame(error, guessSerialization(payload));
    }
  }

  #frame(type: number, payload: Uint8Array): Uint8Array {
    const { maxMessageBytes } = this.#limits;
    if (payload.length > maxMessageBytes) {
      throw new ApiError(
        'ERR_API_LIMIT',
        `response of ${payload.length} bytes, at most ${maxMessageBytes} are allowed`,
      );
    }
    return encodeFrame({ type, payload });
  }
}

function errorFrame(error: unknown, serialization: Serialization): Uint8Array {
  return encodeFrame({ type: ERROR_TYPE, payload: encodeError(error, serialization) });
}
