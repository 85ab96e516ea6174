import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import {
  type ApiServer,
  createApiServer,
  resolveServeOptions,
  type StreamServeOptions,
} from '../api-server.ts';
import type { Calls } from '../calls.ts';
import type { Cmc } from '../cmc.ts';
import { assertRequestSize } from '../codec.ts';
import { positiveOption } from '../deadline.ts';
import { ApiError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { listen } from '../listen.ts';
import { API_VERSION } from '../messages.ts';
import { CMCService } from './generated/cmc_pb.ts';
import { Health } from './generated/grpc/health/v1/health_pb.ts';
import { ServerReflection } from './generated/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionV1alpha } from './generated/grpc/reflection/v1alpha/reflection_pb.ts';
import { createHealth } from './health.ts';
import { type AnyGrpcMethod, grpcMethods } from './methods.ts';
import { rawService } from './raw-service.ts';
import { createReflection } from './reflection.ts';
import { statusDetails } from './status.ts';

/** Options of {@link serveGrpc}. */
export interface GrpcServeOptions extends StreamServeOptions {
  /** Longest message, either way. Default 16 MiB. */
  readonly maxMessageBytes?: number;
}

/** HTTP/2 windows: a message of usual size needs no round trip for more. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Calls on one connection. */
const MAX_CONCURRENT_STREAMS = 128;

/** A connection without calls is told to go away after this time. */
const IDLE_CONNECTION_MS = 5 * 60_000;

/** What every HTTP/2 client sends first. */
const PREFACE_BYTES = 24;

/**
 * Serves `cmc` over gRPC (plaintext HTTP/2) on a Unix socket (mode 0660) or on loopback TCP, with
 * the health service and server reflection. Whoever can connect can call everything.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export async function serveGrpc(cmc: Cmc, options: GrpcServeOptions): Promise<ApiServer> {
  const resolved = resolveServeOptions(cmc, options);
  const { calls, transferTimeoutMs } = resolved;
  const maxMessageBytes = positiveOption(
    'maxMessageBytes',
    options.maxMessageBytes,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_BYTES,
  );
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc-node.flow_control_window': WINDOW_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
    'grpc.max_connection_idle_ms': IDLE_CONNECTION_MS,
    'grpc.enable_channelz': 0,
    interceptors: [receiveWithin(transferTimeoutMs)],
  });
  const services = [CMCService, Health, ServerReflection, ServerReflectionV1alpha];
  const health = createHealth(services.map(({ typeName }) => typeName));
  const reflection = createReflection(services);
  server.addService(rawService(CMCService), cmcHandlers(calls));
  server.addService(rawService(Health), { ...health.handlers });
  server.addService(rawService(ServerReflection), { ...reflection });
  server.addService(rawService(ServerReflectionV1alpha), { ...reflection });

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listen({
    ...resolved,
    onConnection: (socket) => {
      const silent = setTimeout(() => {
        if (socket.bytesRead < PREFACE_BYTES) socket.destroy();
      }, transferTimeoutMs);
      socket.once('close', () => clearTimeout(silent));
      injector.injectConnection(socket);
    },
  });
  return createApiServer({
    address: listener.address,
    calls,
    signal: options.signal,
    stop: () => {
      listener.stop();
      health.close();
    },
    idle: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    destroy: async () => {
      server.forceShutdown();
      await listener.destroy();
    },
  });
}

function cmcHandlers(calls: Calls): Record<string, handleUnaryCall<Uint8Array, Uint8Array>> {
  return Object.fromEntries(
    Object.values(grpcMethods).map((method) => [method.operation.name, handler(calls, method)]),
  );
}

function handler(
  calls: Calls,
  { operation, request, response }: AnyGrpcMethod,
): handleUnaryCall<Uint8Array, Uint8Array> {
  const answer = async (message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> => {
    assertRequestSize(operation, message.length);
    const wire = request.decode(message);
    // The reference compares exactly, and not at all here.
    if (operation.name !== 'TLSCreate') assertVersion(operation.request.name, wire.version);
    const accepted = operation.request.accept(wire);
    return response.encode(await calls.run(operation, accepted, { signal, serialization: 'cbor' }));
  };
  return (call, callback) => {
    const gone = new AbortController();
    call.once('cancelled', () => {
      gone.abort(new ApiError('ERR_API_UNAVAILABLE', 'the peer cancelled the call'));
    });
    answer(call.request, gone.signal).then(
      (message) => callback(null, message),
      (error: unknown) => callback(statusDetails(error)),
    );
  };
}

function assertVersion(name: string, version: string): void {
  if (version === API_VERSION) return;
  throw new ApiError(
    'ERR_API_VERSION',
    `${name}: expected version ${API_VERSION}, got ${JSON.stringify(version.slice(0, 32))}`,
  );
}

/** Ends calls whose request is not complete in time. */
function receiveWithin(timeoutMs: number): ServerInterceptor {
  return ({ requestStream }, call) => {
    if (requestStream) return new ServerInterceptingCall(call);
    const late = setTimeout(() => {
      const error = new ApiError('ERR_API_TIMEOUT', `no complete request within ${timeoutMs} ms`);
      call.sendStatus(statusDetails(error));
    }, timeoutMs);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveHalfClose: (forward) => {
            clearTimeout(late);
            forward();
          },
          onCancel: () => clearTimeout(late),
        }),
    });
  };
}
