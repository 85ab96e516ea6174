import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { type ApiAddress, formatAddress, parseAddress } from '../addresses.ts';
import { type ClientOptions, type CmcClient, createClient } from '../client.ts';
import { assertRequestSize, expectResponse } from '../codec.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { CMCService } from './generated/cmc_pb.ts';
import { methodOf } from './methods.ts';
import { unaryCall } from './unary-call.ts';

/**
 * A client for the gRPC API. All calls share one connection, which is made by the first call and
 * again when it broke; an idle one does not keep the process alive. Reports are always CBOR.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export function createGrpcClient(options: ClientOptions): CmcClient {
  const connection = new Connection(parseAddress(options.address));
  return createClient(
    {
      async call(operation, request, { signal, timeoutMs }) {
        const method = methodOf(operation);
        const message = method.request.encode(request);
        assertRequestSize(operation, message.length);
        const response = await connection.use((session) =>
          unaryCall(session, {
            path: `/${CMCService.typeName}/${operation.name}`,
            message,
            maxMessageBytes: MAX_MESSAGE_BYTES,
            timeoutMs,
            signal,
          }),
        );
        return expectResponse(operation, () => method.response.decode(response));
      },
      close: () => connection.close(),
    },
    options,
  );
}

/** HTTP/2 windows: a message of usual size needs no round trip for more. */
const WINDOW_BYTES = 4 * 1024 * 1024;

class Connection {
  readonly #address: ApiAddress;
  #session: ClientHttp2Session | undefined;
  #calls = 0;

  constructor(address: ApiAddress) {
    this.#address = address;
  }

  async use<T>(call: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
    const session = this.#open();
    this.#calls++;
    session.ref();
    try {
      return await call(session);
    } finally {
      if (--this.#calls === 0) this.#session?.unref();
    }
  }

  async close(): Promise<void> {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open(): ClientHttp2Session {
    const current = this.#session;
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const address = this.#address;
    const authority = address.kind === 'unix' ? 'localhost' : formatAddress(address);
    const session = connectHttp2(`http://${authority}`, {
      createConnection: () => connect({ ...address, noDelay: true }),
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      // Counts what waits to be sent, too; the messages have limits of their own.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    session.once('connect', () => {
      // The event comes a tick late: the client may have been closed by then.
      if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
    });
    // Every call on the session fails by itself; the next one makes a new session.
    session.on('error', () => {});
    this.#session = session;
    return session;
  }
}
