import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { chmodSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '@cmc/bytes';
import { type ApiAddress, formatAddress, isLoopback, parseAddress } from './addresses.ts';
import { ApiError } from './errors.ts';

/** Mode of Unix sockets: whoever may connect may do everything, so owner and group only. */
export const SOCKET_MODE = 0o660;

/** Connections that the kernel queues while the process is busy. */
const BACKLOG = 1024;

/** Time that a probe of an existing Unix socket may take. */
const PROBE_TIMEOUT_MS = 1_000;

export interface ListenOptions {
  readonly address: string;
  readonly maxConnections: number;
  readonly logger: Logger;
  /** Keeps the connection of a peer that has sent everything; otherwise it is closed then. */
  readonly allowHalfOpen: boolean;
  readonly onConnection: (socket: Socket) => void;
}

/** A stream listener. */
export interface Listener {
  /** As `formatAddress` writes it, with the real port. */
  readonly address: string;
  /** Stops accepting and removes the path; open connections stay. */
  stop(): void;
  /** Stops, closes all connections and waits for that. */
  destroy(): Promise<void>;
}

/**
 * Listens on a Unix socket (mode 0660 from its first moment) or on a loopback TCP address.
 *
 * @throws {ApiError} ERR_API_ADDRESS: not an address, not local, in use, or no permission
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { allowHalfOpen, logger, maxConnections, onConnection } = options;
  const address = await localAddress(parseAddress(options.address));
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen, noDelay: true }, (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    // Later failures of a connection concern its peer only; every user of it sees 'close'.
    socket.on('error', (error) => logger.debug({ error }, 'connection failed'));
    onConnection(socket);
  });
  server.maxConnections = maxConnections;
  server.on('drop', () => logger.warn({ maxConnections }, 'connection refused: too many'));
  await (address.kind === 'unix' ? listenUnix(server, address.path) : listenTcp(server, address));
  // The kernel may refuse to accept a connection, when there are no more file descriptors.
  server.on('error', (error) => logger.warn({ error }, 'cannot accept a connection'));
  return {
    address: formatAddress(boundAddress(server, address)),
    stop: () => void server.close(),
    destroy: async () => {
      const closed = server.listening || connections.size > 0 ? once(server, 'close') : undefined;
      server.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** The address with its host resolved, so that what was checked is what is bound. */
export async function localAddress(address: ApiAddress): Promise<ApiAddress> {
  if (address.kind === 'unix') return address;
  const { host, port } = address;
  const ip = await lookup(host).catch((cause: unknown) => {
    throw new ApiError('ERR_API_ADDRESS', `cannot resolve ${host}`, { cause });
  });
  if (isLoopback(ip.address)) return { kind: 'tcp', host: ip.address, port };
  throw new ApiError(
    'ERR_API_ADDRESS',
    `refused to listen on ${formatAddress(address)}: the API has no authentication; use a Unix socket or a loopback address`,
  );
}

function boundAddress(server: Server, address: ApiAddress): ApiAddress {
  if (address.kind === 'unix') return address;
  return { ...address, port: (server.address() as AddressInfo).port };
}

async function listenTcp(server: Server, address: { host: string; port: number }): Promise<void> {
  await listening(server, () => {
    server.listen({ host: address.host, port: address.port, backlog: BACKLOG, exclusive: true });
  });
}

async function listenUnix(server: Server, path: string): Promise<void> {
  const bind = (): void => {
    // The kernel makes the socket file inside the synchronous `listen`. Changing its mode afterwards
    // would leave a moment in which anybody can connect, so it starts with no access for others.
    const umask = process.umask(0o077);
    try {
      server.listen({ path, backlog: BACKLOG, exclusive: true });
      if (server.listening) chmodSync(path, SOCKET_MODE);
    } finally {
      process.umask(umask);
    }
  };
  try {
    await listening(server, bind);
  } catch (error) {
    if (!(await removeStale(path))) throw error;
    await listening(server, bind);
  }
}

/** Runs `bind` and waits for its outcome. */
async function listening(server: Server, bind: () => void): Promise<void> {
  try {
    const outcome = once(server, 'listening');
    bind();
    await outcome;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError('ERR_API_ADDRESS', `cannot listen: ${reason}`, { cause });
  }
}

/** Removes a Unix socket that a killed process left behind; never another kind of file. */
async function removeStale(path: string): Promise<boolean> {
  const before = lstat(path);
  if (before?.isSocket() !== true || (await answers(path))) return false;
  const after = lstat(path);
  // Another process may have taken the path over while it was probed.
  if (after === undefined || after.ino !== before.ino || after.ctimeMs !== before.ctimeMs) {
    return false;
  }
  unlinkSync(path);
  return true;
}

function lstat(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Whether a process listens at `path`. Only a refused connection proves that none does. */
async function answers(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
