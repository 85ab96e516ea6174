import type { DescService } from '@bufbuild/protobuf';
import {
  type ApiServer,
  createApiServer,
  resolveStreamOptions,
  type StreamServeOptions,
} from '../api-server.ts';
import type { Calls } from '../calls.ts';
import type { Cmc } from '../cmc.ts';
import { assertRequestSize, assertResponseSize, blameRequest, refuseVersion } from '../codec.ts';
import { listen } from '../listen.ts';
import { API_VERSION } from '../messages.ts';
import { operations } from '../operations.ts';
import { CMCService } from './generated/cmc_pb.ts';
import { Health } from './generated/grpc/health/v1/health_pb.ts';
import { ServerReflection } from './generated/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionV1alpha } from './generated/grpc/reflection/v1alpha/reflection_pb.ts';
import { HealthService } from './health.ts';
import { type GrpcHandler, GrpcServer, onlyMessage, unary } from './http2-server.ts';
import { type AnyGrpcMethod, grpcMethods } from './methods.ts';
import { createReflection } from './reflection.ts';

/** Options of {@link serveGrpc}. */
export type GrpcServeOptions = StreamServeOptions;

const SERVICES = [CMCService, Health, ServerReflection, ServerReflectionV1alpha];

/**
 * Serves `cmc` over gRPC (plaintext HTTP/2) on a Unix socket (mode 0660) or on loopback TCP, with
 * the health service and server reflection. Whoever can connect can call everything.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export async function serveGrpc(cmc: Cmc, options: GrpcServeOptions): Promise<ApiServer> {
  const resolved = resolveStreamOptions(cmc, options);
  const { calls, maxMessageBytes, transferTimeoutMs } = resolved;
  const health = new HealthService(SERVICES);
  const reflection = createReflection(SERVICES);
  const handlers = new Map<string, GrpcHandler>([
    [path(Health, 'Check'), unary(transferTimeoutMs, (message) => health.check(message))],
    [
      path(Health, 'Watch'),
      async function* (messages, signal) {
        yield* health.watch(await onlyMessage(messages), signal);
      },
    ],
    [path(ServerReflection, 'ServerReflectionInfo'), reflection],
    [path(ServerReflectionV1alpha, 'ServerReflectionInfo'), reflection],
  ]);
  for (const method of Object.values(grpcMethods)) {
    const answer = answerer(method, calls, maxMessageBytes);
    handlers.set(path(CMCService, method.operation.name), unary(transferTimeoutMs, answer));
  }
  const server = new GrpcServer({ ...resolved, handlers });
  const listener = await listen({
    ...resolved,
    allowHalfOpen: false,
    onConnection: (socket) => server.accept(socket),
  });
  return createApiServer({
    address: listener.address,
    calls,
    signal: options.signal,
    stop: () => {
      listener.stop();
      health.close();
    },
    idle: () => server.idle(),
    destroy: async () => {
      server.destroy();
      await listener.destroy();
    },
  });
}

function path(service: DescService, method: string): string {
  return `/${service.typeName}/${method}`;
}

/** From request message to response message. */
function answerer(
  { operation, request, response }: AnyGrpcMethod,
  calls: Calls,
  maxMessageBytes: number,
): (message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array> {
  return async (message, signal) => {
    assertRequestSize(operation, message.length);
    const wire = blameRequest(() => request.decode(message));
    // The reference compares exactly, and not at all here.
    if (operation !== operations.tlsCreate && wire.version !== API_VERSION) {
      refuseVersion(operation.request.name, wire.version);
    }
    const accepted = operation.request.accept(wire);
    const encoded = response.encode(
      await calls.run(operation, accepted, { signal, serialization: 'cbor' }),
    );
    assertResponseSize(operation.response.name, encoded.length, maxMessageBytes);
    return encoded;
  };
}
