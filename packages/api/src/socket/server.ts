import type { Socket } from 'node:net';
import type { Serialization } from '@cmc/attestationreport';
import {
  type ApiServer,
  createApiServer,
  type ResolvedStreamOptions,
  resolveStreamOptions,
  type StreamServeOptions,
} from '../api-server.ts';
import type { ByteShare } from '../byte-budget.ts';
import type { Cmc } from '../cmc.ts';
import { assertResponseSize, decodeRequest, encodeError, guessSerialization } from '../codec.ts';
import { ApiError } from '../errors.ts';
import { listen } from '../listen.ts';
import { type AnyOperation, allOperations } from '../operations.ts';
import { Running } from '../running.ts';
import { ERROR_TYPE, encodeFrame, type Frame } from './frame.ts';
import { receiveFrame } from './receive-frame.ts';

/** Options of {@link serveSocket}. */
export type SocketServeOptions = StreamServeOptions;

/**
 * Serves `cmc` on a Unix socket (mode 0660) or on loopback TCP: one request and one response per
 * connection, JSON or CBOR as the request is. Whoever can connect can call everything.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export async function serveSocket(cmc: Cmc, options: SocketServeOptions): Promise<ApiServer> {
  const resolved = resolveStreamOptions(cmc, options);
  const server = new SocketServer(resolved);
  const listener = await listen({
    ...resolved,
    allowHalfOpen: true,
    onConnection: (socket) => server.accept(socket),
  });
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

class SocketServer {
  readonly #options: ResolvedStreamOptions;
  /** From the complete request to the answer in the hands of the kernel. */
  readonly #exchanges = new Running();

  constructor(options: ResolvedStreamOptions) {
    this.#options = options;
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
    const { budget, maxMessageBytes, transferTimeoutMs } = this.#options;
    const share = budget.share();
    const late = setTimeout(() => socket.destroy(), transferTimeoutMs);
    socket.once('close', () => {
      clearTimeout(late);
      share.release();
    });
    try {
      const frame = await receiveFrame(socket, { maxPayloadBytes: maxMessageBytes, share });
      clearTimeout(late);
      await this.#exchanges.track(this.#exchange(socket, frame, share));
    } catch (error) {
      clearTimeout(late);
      await this.#send(socket, errorFrame(error, 'cbor'));
    }
  }

  async #exchange(socket: Socket, frame: Frame, share: ByteShare): Promise<void> {
    const gone = new AbortController();
    const onClose = (): void => gone.abort(new ApiError('ERR_API_UNAVAILABLE', 'the peer is gone'));
    socket.once('close', onClose);
    const answer = await this.#answer(frame, share, gone.signal).catch((error: unknown) =>
      errorFrame(error, guessSerialization(frame.payload)),
    );
    socket.off('close', onClose);
    await this.#send(socket, answer);
  }

  async #answer(
    { type, payload }: Frame,
    share: ByteShare,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { calls, maxMessageBytes } = this.#options;
    const operation = byType.get(type);
    if (operation === undefined) {
      throw new ApiError('ERR_API_PROTOCOL', `unknown message type ${type}`);
    }
    const { request, serialization } = decodeRequest(operation, payload);
    const response = await calls.run(operation, request, { serialization, signal });
    const encoded = operation.response.encode(response, serialization);
    assertResponseSize(operation.response.name, encoded.length, maxMessageBytes);
    share.hold(encoded.length);
    return encodeFrame({ type, payload: encoded });
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
}

function errorFrame(error: unknown, serialization: Serialization): Uint8Array {
  return encodeFrame({ type: ERROR_TYPE, payload: encodeError(error, serialization) });
}
