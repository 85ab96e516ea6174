import type { ClientOptions, CmcClient } from './client.ts';

/** The transports. */
export type ApiName = 'grpc' | 'coap' | 'socket';

/** Options of {@link createCmcClient}. */
export interface CmcClientOptions extends ClientOptions {
  readonly api: ApiName;
}

/**
 * A client for a daemon over any of its APIs. Only the code of that API is loaded.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export async function createCmcClient(options: CmcClientOptions): Promise<CmcClient> {
  const { api } = options;
  switch (api) {
    case 'grpc':
      return (await import('./grpc/client.ts')).createGrpcClient(options);
    case 'coap':
      return (await import('./coap/client.ts')).createCoapClient(options);
    case 'socket':
      return (await import('./socket/client.ts')).createSocketClient(options);
    default:
      throw new TypeError(`api: expected grpc, coap or socket, got ${String(api satisfies never)}`);
  }
}
