import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { World } from './world.ts';

/** Options of both ends of a mutual TLS connection; attested ones add theirs. */
export interface MutualTlsOptions {
  readonly serverOptions: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly requestCert: true;
    readonly rejectUnauthorized: true;
    readonly minVersion: 'TLSv1.3';
  };
  readonly where: {
    readonly host: string;
    readonly servername: string;
    readonly secureContext: SecureContext;
    readonly minVersion: 'TLSv1.3';
  };
}

/** The same for plain and for attested connections, so that only attestation makes a difference. */
export function tlsOptionsOf({ caPem: ca, server, client }: World): MutualTlsOptions {
  return {
    serverOptions: {
      ...{ ca, cert: server.chainPem, key: server.privateKeyPem },
      ...{ requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
    },
    where: {
      host: '127.0.0.1',
      servername: 'localhost',
      // One context for all connections: making one costs 1.5 ms.
      secureContext: createSecureContext({ ca, cert: client.chainPem, key: client.privateKeyPem }),
      minVersion: 'TLSv1.3',
    },
  };
}

/** Listens on loopback; gives the port. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
