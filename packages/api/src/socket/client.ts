import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ApiAddress, formatAddress, parseAddress } from '../addresses.ts';
import { type ClientOptions, type CmcClient, createClient } from '../client.ts';
import { assertRequestSize, decodeError, decodeResponse } from '../codec.ts';
import { ApiError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { ERROR_TYPE, encodeFrame } from './frame.ts';
import { receiveFrame } from './receive-frame.ts';

/**
 * A client for the socket API, over a Unix socket or TCP. Every call has its own connection.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export function createSocketClient(options: ClientOptions): CmcClient {
  const address = parseAddress(options.address);
  return createClient(
    {
      async call(operation, request, { signal, serialization }) {
        const payload = operation.request.encode(request, serialization);
        assertRequestSize(operation, payload.length);
        const socket = await open(address, signal);
        try {
          // One write: some peers expect the whole header in one read.
          socket.write(encodeFrame({ type: operation.socketType, payload }));
          const response = await receiveFrame(socket, { maxPayloadBytes: MAX_MESSAGE_BYTES });
          if (response.type === ERROR_TYPE) throw decodeError(response.payload);
          if (response.type !== operation.socketType) {
            throw new ApiError(
              'ERR_API_PROTOCOL',
              `expected a response of type ${operation.socketType}, got ${response.type}`,
            );
          }
          return decodeResponse(operation, response.payload);
        } finally {
          socket.destroy();
        }
      },
      close: () => Promise.resolve(),
    },
    options,
  );
}

/** Connects; `signal` destroys the connection even later. */
async function open(address: ApiAddress, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ ...address, noDelay: true });
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort);
  socket.once('close', () => signal.removeEventListener('abort', abort));
  // Errors reach the caller through the outcome of connecting or receiving.
  socket.on('error', () => {});
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (cause) {
    socket.destroy();
    throw new ApiError(
      'ERR_API_UNAVAILABLE',
      `cannot reach the daemon at ${formatAddress(address)}`,
      {
        cause,
      },
    );
  }
}
