import { create, toBinary } from '@bufbuild/protobuf';
import type { handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './generated/grpc/health/v1/health_pb.ts';
import { decodeProto } from './proto.ts';
import { GRPC_STATUS, statusDetails } from './status.ts';

/** Health of one server: every service is well until it closes. */
export interface Health {
  readonly handlers: {
    readonly Check: handleUnaryCall<Uint8Array, Uint8Array>;
    readonly Watch: handleServerStreamingCall<Uint8Array, Uint8Array>;
  };
  /** Tells the watchers that no service is served any more, and ends their streams. */
  close(): void;
}

/** The health service (`grpc.health.v1`) for `services`; the empty name is the whole server. */
export function createHealth(services: readonly string[]): Health {
  const known = new Set(['', ...services]);
  const watchers = new Set<Parameters<Health['handlers']['Watch']>[0]>();
  let closed = false;
  const statusOfService = (service: string): ServingStatus => {
    if (!known.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return closed ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  };

  return {
    handlers: {
      Check(call, callback) {
        try {
          const { service } = decodeProto(HealthCheckRequestSchema, call.request);
          const status = statusOfService(service);
          if (status === ServingStatus.SERVICE_UNKNOWN) {
            callback({ code: GRPC_STATUS.NOT_FOUND, details: 'unknown service' });
          } else {
            callback(null, encodeStatus(status));
          }
        } catch (error) {
          callback(statusDetails(error));
        }
      },
      Watch(call) {
        try {
          const { service } = decodeProto(HealthCheckRequestSchema, call.request);
          call.write(encodeStatus(statusOfService(service)));
          watchers.add(call);
          call.once('close', () => watchers.delete(call));
        } catch (error) {
          call.emit('error', statusDetails(error));
        }
      },
    },
    close() {
      closed = true;
      for (const watcher of watchers) watcher.end(encodeStatus(ServingStatus.NOT_SERVING));
    },
  };
}

function encodeStatus(status: ServingStatus): Uint8Array {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}
