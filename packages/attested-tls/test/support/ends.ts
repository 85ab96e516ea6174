import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server } from 'node:tls';
import { onTestFinished } from 'vitest';
import {
  type AttestedSocket,
  type AttestedTlsError,
  type ClientSocket,
  type ConnectOptions,
  connect,
  createServer,
  type ServerOptions,
} from '../../src/index.ts';
import { fakeCmc } from './fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './pki.ts';
import { dialRaw, listenRaw, type RawPeer } from './raw-peer.ts';

/** Deadlines that keep failing tests short. */
export const quick = {
  tlsMs: 2000,
  requestMs: 2000,
  attestMs: 2000,
  completeMs: 2000,
  cmcMs: 1500,
  totalMs: 5000,
} as const;

export interface OurServer {
  readonly server: Server;
  readonly port: number;
  /** Outcome of the next handshake: a socket that the application got, or an error. */
  next(): Promise<AttestedSocket | AttestedTlsError>;
}

/** A server of ours with a client certificate required, closed when the test is over. */
export async function serve(options: Partial<ServerOptions> = {}): Promise<OurServer> {
  const outcomes: (AttestedSocket | AttestedTlsError)[] = [];
  let wake = (): void => {};
  const sockets = new Set<{ destroy(): void }>();
  const add = (outcome: AttestedSocket | AttestedTlsError): void => {
    outcomes.push(outcome);
    wake();
  };
  const server = createServer(
    { ...serverIdentity, ...trusted, mtls: true, cmc: fakeCmc(), timeouts: quick, ...options },
    (socket) => {
      socket.on('error', () => {});
      add(socket);
    },
  );
  server.on('connection', (socket) => sockets.add(socket));
  server.on('attestationError', add);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async next() {
      for (;;) {
        const outcome = outcomes.shift();
        if (outcome !== undefined) return outcome;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** A client of ours, destroyed when the test is over. */
export function dial(port: number, options: Partial<ConnectOptions> = {}): ClientSocket {
  const socket = connect({
    ...clientIdentity,
    ...trusted,
    host: '127.0.0.1',
    port,
    cmc: fakeCmc(),
    timeouts: quick,
    ...options,
  });
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** The socket when it is secure, or the error why it is not. */
export async function outcomeOf(socket: ClientSocket): Promise<ClientSocket | AttestedTlsError> {
  return await once(socket, 'secureConnect').then(
    () => socket,
    (error: AttestedTlsError) => error,
  );
}

/** Fulfilled when the socket is closed, with or without an error. */
export async function closing(socket: Duplex): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** Code of an error, `connected` for a socket. */
export function codeOf(outcome: object): string {
  return outcome instanceof Error ? String(Reflect.get(outcome, 'code')) : 'connected';
}

/** Which end of the connection is ours; the other one is a {@link RawPeer}. */
export type OurRole = 'client' | 'server';

export interface RawPair {
  readonly raw: RawPeer;
  /** How the handshake ends for us. */
  readonly outcome: Promise<ClientSocket | AttestedSocket | AttestedTlsError>;
}

/** One end of ours against a raw peer, after TLS. */
export async function pairWithRaw(
  ours: OurRole,
  options: Partial<ConnectOptions> & Partial<ServerOptions> = {},
): Promise<RawPair> {
  if (ours === 'server') {
    const { server, next } = await serve(options);
    const raw = await dialRaw(server);
    onTestFinished(() => {
      raw.socket.destroy();
    });
    return { raw, outcome: next() };
  }
  const rawServer = await listenRaw({ requestCert: true });
  const client = dial(rawServer.port, options);
  const outcome = outcomeOf(client);
  const raw = await rawServer.accept();
  onTestFinished(() => {
    raw.socket.destroy();
    rawServer.server.close();
  });
  return { raw, outcome };
}
