import type { AddressInfo, Server } from 'node:net';
import {
  type AttestedSocket,
  attestationOf,
  createHttpsServer,
  createServer,
  type HttpsServerOptions,
} from '@cmc/attested-tls';
import type { Logger } from '@cmc/bytes';
import { createLogger, EXIT, parseHostPort, UsageError } from '@cmc/host';
import { createBackgroundPublisher } from '../publication.ts';
import type { CmcctlSettings } from '../settings.ts';
import { openTls, summarize } from '../tls.ts';

/** An attested connection that is silent for so long is closed. */
const IDLE_MS = 60_000;

/** `cmcctl listen`: sends back what attested clients send. */
export async function listen(settings: CmcctlSettings): Promise<number> {
  return await run(settings, (options, logger) =>
    createServer(options, (socket) => {
      socket.setTimeout(IDLE_MS, () => socket.destroy());
      socket.on('error', (error) => logger.warn({ error }, 'a connection broke'));
      socket.pipe(socket);
    }),
  );
}

/** `cmcctl serve`: answers HTTPS requests of attested clients with who they are. */
export async function serve(settings: CmcctlSettings): Promise<number> {
  return await run(settings, (options) =>
    createHttpsServer(options, (request, response) => {
      const attestation = attestationOf(request.socket);
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(
        `${JSON.stringify({ method: request.method, url: request.url, peer: attestation?.peerId, mode: attestation?.mode })}\n`,
      );
    }),
  );
}

async function run(
  settings: CmcctlSettings,
  create: (options: HttpsServerOptions, logger: Logger) => Server,
): Promise<number> {
  if (settings.addr === undefined) throw new UsageError('addr is needed: where to listen');
  const { host, port } = parseHostPort(settings.addr, 'addr');
  await using tls = await openTls(settings);
  if (tls.options.key === undefined) throw new UsageError('a server needs cert and key, or key-id');
  const pretty = settings.json !== true && process.stderr.isTTY;
  const logger = createLogger({ format: pretty ? 'pretty' : 'json', level: 'info' });
  const publisher = createBackgroundPublisher(settings, logger);
  const options: HttpsServerOptions = {
    ...tls.options,
    onResult: (result, peer) => {
      publisher.add(result);
      logger.info(
        { peer: peer.id, address: peer.address, ...summarize(result) },
        'verified a peer',
      );
    },
  };
  const server = create(options, logger);
  const open = new Set<AttestedSocket>();
  server.on('secureConnection', (socket: AttestedSocket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  server.on('attestationError', (error: Error) => logger.warn({ error }, 'refused a connection'));
  server.on('tlsClientError', (error: Error) => logger.warn({ error }, 'a TLS handshake failed'));
  // Before anybody can know that it listens.
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  logger.info({ address: addressOf(server) }, 'listening');
  await stopped;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of open) socket.destroy();
  await closed;
  await publisher.close();
  return EXIT.success;
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
