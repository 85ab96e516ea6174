import { join } from 'node:path';
import type { ApiName, ApiServer, Cmc, ServeOptions } from '@cmc/api';
import { serveCoap } from '@cmc/api/coap-server';
import { serveGrpc } from '@cmc/api/grpc-server';
import { serveSocket } from '@cmc/api/socket-server';
import type { Serialization } from '@cmc/attestationreport';
import type { CmcAddress } from '@cmc/attested-tls';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

/** One way to reach a daemon. */
export interface Api {
  readonly title: string;
  readonly api: ApiName;
  readonly serialization: Serialization;
  readonly unix?: true;
}

/** Every way: gRPC has no choice of serialization. */
export const APIS: readonly Api[] = [
  { title: 'grpc', api: 'grpc', serialization: 'cbor' },
  { title: 'coap, JSON', api: 'coap', serialization: 'json' },
  { title: 'coap, CBOR', api: 'coap', serialization: 'cbor' },
  { title: 'socket-unix, JSON', api: 'socket', serialization: 'json', unix: true },
  { title: 'socket-unix, CBOR', api: 'socket', serialization: 'cbor', unix: true },
  { title: 'socket-tcp, JSON', api: 'socket', serialization: 'json' },
  { title: 'socket-tcp, CBOR', api: 'socket', serialization: 'cbor' },
];

const SERVE: Readonly<Record<ApiName, (cmc: Cmc, options: ServeOptions) => Promise<ApiServer>>> = {
  grpc: serveGrpc,
  coap: serveCoap,
  socket: serveSocket,
};

/** Serves `cmc` until the test is over; where it is reached. */
export async function serve(cmc: Cmc, { api, serialization, unix }: Api): Promise<CmcAddress> {
  const wanted = unix ? `unix://${join(temporaryFolder(), 'cmc.sock')}` : '127.0.0.1:0';
  const server = await SERVE[api](cmc, { address: wanted });
  onTestFinished(async () => await server.close({ graceMs: 0 }));
  return { api, address: server.address, serialization };
}
