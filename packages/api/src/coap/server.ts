import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Serialization } from '@cmc/attestationreport';
import { formatAddress, isLoopback, parseAddress } from '../addresses.ts';
import {
  type ApiServer,
  createApiServer,
  resolveServeOptions,
  type ServeOptions,
} from '../api-server.ts';
import type { Calls } from '../calls.ts';
import type { Cmc } from '../cmc.ts';
import { decodeRequest } from '../codec.ts';
import { ApiError, type ApiErrorCode, errorText } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { localAddress } from '../listen.ts';
import { type AnyOperation, allOperations } from '../operations.ts';
import type { ServerResponse } from './block-server.ts';
import { CODE } from './codes.ts';
import { createPeer, plainBytes } from './datagram.ts';
import { CONTENT_FORMAT } from './options.ts';
import { MAX_DIAGNOSTIC_BYTES, type TransmissionParameters } from './parameters.ts';
import { RequestServer } from './request-server.ts';

export type { TransmissionParameters } from './parameters.ts';

/** Options of {@link serveCoap}. */
export interface CoapServeOptions extends ServeOptions {
  /** When messages are sent again. Default: as RFC 7252 says. */
  readonly transmission?: Partial<TransmissionParameters>;
}

/** Memory of the kernel for datagrams that wait: many peers may send at the same time. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

const byPath: ReadonlyMap<string, AnyOperation> = new Map(
  allOperations.map((operation) => [`/${operation.name}`, operation]),
);
const resources: ReadonlyMap<string, number> = new Map(
  [...byPath].map(([path, operation]) => [path, operation.maxRequestBytes]),
);

/**
 * Serves `cmc` over CoAP (RFC 7252, RFC 7959) on a loopback UDP port: POST, JSON or CBOR as the
 * request is. Whoever can send there can call everything.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export async function serveCoap(cmc: Cmc, options: CoapServeOptions): Promise<ApiServer> {
  const { calls, logger } = resolveServeOptions(cmc, options);
  const { transmission } = options;
  const { host, port } = await udpAddress(options.address);
  const socket = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Peers are known by their addresses. Answering at once also hands a datagram to the kernel
    // before `send` returns, so that nothing is lost when the socket closes right after it.
    lookup: (address, _options, callback) => callback(null, address, isIPv6(address) ? 6 : 4),
  });
  const server = new RequestServer({
    resources,
    handle: (path, body) => answer(calls, path, body),
    logger,
    ...(transmission === undefined ? {} : { transmission }),
    send: (datagram, peer) => socket.send(datagram, peer.port, peer.address),
  });
  socket.on('message', (datagram, from) => {
    if (!isLoopback(from.address)) return;
    server.receive(plainBytes(datagram), createPeer(from.address, from.port));
  });
  await bind(socket, host, port);
  socket.on('error', (error) => logger.warn({ error }, 'CoAP socket failed'));
  return createApiServer({
    address: formatAddress({ kind: 'tcp', host, port: socket.address().port }),
    calls,
    signal: options.signal,
    // Peers still need their acknowledgements and the rest of their responses; new calls are refused.
    stop: () => {},
    idle: () => server.idle(),
    destroy: async () => {
      // Calls that were aborted just now are answered before the loop turns.
      await setImmediate();
      server.close();
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  });
}

async function udpAddress(text: string): Promise<{ host: string; port: number }> {
  const address = await localAddress(parseAddress(text));
  if (address.kind === 'tcp') return address;
  throw new ApiError('ERR_API_ADDRESS', `CoAP: expected host:port, got ${JSON.stringify(text)}`);
}

async function bind(socket: Socket, address: string, port: number): Promise<void> {
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address, port, exclusive: true });
    await listening;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError('ERR_API_ADDRESS', `cannot listen: ${reason}`, { cause });
  }
}

async function answer(calls: Calls, path: string, body: Uint8Array): Promise<ServerResponse> {
  const operation = byPath.get(path);
  try {
    if (operation === undefined) throw new ApiError('ERR_API_PROTOCOL', `no resource ${path}`);
    const { request, serialization } = decodeRequest(operation, body);
    const response = await calls.run(operation, request, { serialization });
    return encodeResponse(operation, response, serialization);
  } catch (error) {
    return errorResponse(error);
  }
}

function encodeResponse(
  operation: AnyOperation,
  response: unknown,
  serialization: Serialization,
): ServerResponse {
  const payload = operation.response.encode(response, serialization);
  if (payload.length > MAX_MESSAGE_BYTES) {
    throw new ApiError(
      'ERR_API_LIMIT',
      `response of ${payload.length} bytes, at most ${MAX_MESSAGE_BYTES} are allowed`,
    );
  }
  const contentFormat = serialization === 'json' ? CONTENT_FORMAT.JSON : CONTENT_FORMAT.CBOR;
  return { code: CODE.CONTENT, contentFormat, payload };
}

/** Errors of the API that are not 5.00. */
const ERROR_CODES: Partial<Record<ApiErrorCode, number>> = Object.freeze({
  ERR_API_REQUEST: CODE.BAD_REQUEST,
  ERR_API_VERSION: CODE.UNSUPPORTED_CONTENT_FORMAT,
  ERR_API_LIMIT: CODE.SERVICE_UNAVAILABLE,
  ERR_API_UNAVAILABLE: CODE.SERVICE_UNAVAILABLE,
});

function errorResponse(error: unknown): ServerResponse {
  const code = error instanceof ApiError ? ERROR_CODES[error.code] : undefined;
  const text = new Uint8Array(MAX_DIAGNOSTIC_BYTES);
  const { written } = new TextEncoder().encodeInto(errorText(error), text);
  return {
    code: code ?? CODE.INTERNAL_SERVER_ERROR,
    contentFormat: CONTENT_FORMAT.TEXT,
    payload: text.slice(0, written),
  };
}
