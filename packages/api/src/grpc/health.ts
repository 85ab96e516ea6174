import { once, setMaxListeners } from 'node:events';
import { create, type DescService, toBinary } from '@bufbuild/protobuf';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './generated/grpc/health/v1/health_pb.ts';
import { decodeProto } from './proto.ts';
import { GRPC_STATUS, GrpcStatusError } from './status.ts';

/** The health service (`grpc.health.v1`): all services are well until the server closes. */
export class HealthService {
  readonly #services: ReadonlySet<string>;
  readonly #closed = new AbortController();

  constructor(services: readonly DescService[]) {
    setMaxListeners(0, this.#closed.signal); // one per watcher
    // The empty name is the whole server.
    this.#services = new Set(['', ...services.map(({ typeName }) => typeName)]);
  }

  /** Tells the watchers that nothing is served any more, and ends their streams. */
  close(): void {
    this.#closed.abort();
  }

  async check(message: Uint8Array): Promise<Uint8Array> {
    const status = this.#statusOf(message);
    if (status === ServingStatus.SERVICE_UNKNOWN) {
      throw new GrpcStatusError(GRPC_STATUS.NOT_FOUND, 'unknown service');
    }
    return encodeStatus(status);
  }

  async *watch(message: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield encodeStatus(this.#statusOf(message));
    if (!this.#closed.signal.aborted) await once(this.#closed.signal, 'abort', { signal });
    yield encodeStatus(this.#statusOf(message));
  }

  #statusOf(message: Uint8Array): ServingStatus {
    const { service } = decodeProto(HealthCheckRequestSchema, message);
    if (!this.#services.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return this.#closed.signal.aborted ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  }
}

function encodeStatus(status: ServingStatus): Uint8Array {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}
