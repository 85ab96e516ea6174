import type { AddressInfo, Server } from 'node:net';
import {
  type AttestedSocket,
  attestationOf,
  createHttpsServer,
  createServer,
  type HttpsServerOptions,
} from '@cmc/attested-tls';
import type { Logger } from '@cmc/bytes';

/** What a connector needs to know. */
export interface ConnectorOptions {
  /** Options of `createServer` of `@cmc/attested-tls`. */
  readonly tls: HttpsServerOptions;
  readonly host: string;
  readonly port: number;
  /** Serve HTTPS instead of answering what clients send. */
  readonly https: boolean;
  readonly logger: Logger;
}

/** A listening connector. */
export interface Connector {
  /** `host:port`, with the port that was really taken. */
  readonly address: string;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
}

/** An attested connection that is silent for so long is closed. */
const IDLE_MS = 60_000;

/**
 * Serves attested connections: `answer to : …` for whatever a client sends, or with `https` a JSON
 * object that says who asked.
 */
export async function createConnector(options: ConnectorOptions): Promise<Connector> {
  const { tls, logger } = options;
  const open = new Set<AttestedSocket>();
  const server: Server = options.https
    ? createHttpsServer(tls, (request, response) => {
        const attestation = attestationOf(request.socket);
        logger.info({ peer: attestation?.peerId, url: request.url }, 'answered a request');
        response.setHeader('content-type', 'application/json');
        response.end(`${JSON.stringify({ peer: attestation?.peerId, mode: attestation?.mode })}\n`);
      })
    : createServer(tls, (socket) => answer(socket, logger));
  server.on('secureConnection', (socket: AttestedSocket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('attestationError', (error: Error) => {
    logger.warn({ error }, 'refused a connection');
  });
  server.on('tlsClientError', (error: Error) => {
    logger.warn({ error }, 'a TLS handshake failed');
  });
  await listen(server, options.host, options.port);
  return {
    address: addressOf(server),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function answer(socket: AttestedSocket, logger: Logger): void {
  const { mode, peerId, result, keyBinding } = socket.attestation;
  const verdict = result?.summary.status ?? 'not attested';
  logger.info({ mode, peer: peerId, keyBinding, verdict }, 'accepted a connection');
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', (error) => logger.warn({ error, peer: peerId }, 'a connection broke'));
  socket.on('data', (chunk: Buffer) => {
    socket.write(`answer to : ${chunk.toString('utf8')}`);
  });
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
