import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { AttestationMode, Role } from '@cmc/attested-tls';
import type { Testbed, TlsIdentity } from '@cmc/testbed';
import { onTestFinished } from 'vitest';

/** Passes on TLS as it is. */
export async function forwardTcp(port: number): Promise<number> {
  const server = createTcpServer((near) => join(near, connectTcp(port, '127.0.0.1')));
  return await listen(server);
}

/** Certificates and keys of a man in the middle. */
export interface TwoFaces {
  readonly towardsClient: TlsIdentity;
  readonly towardsServer: TlsIdentity;
}

/**
 * Ends the TLS connection of the client, opens another one to the server, and passes on what is
 * inside.
 */
export async function relayTls(
  { tls: { ca } }: Testbed,
  { towardsClient, towardsServer }: TwoFaces,
  port: number,
): Promise<number> {
  const server = createTlsServer({ ...towardsClient, ca, requestCert: true }, (near) => {
    join(near, connectTls({ ...towardsServer, ca, host: '127.0.0.1', port }));
  });
  return await listen(server);
}

/** A TLS server that sends back what it gets. */
export async function mirrorServer({ tls }: Testbed): Promise<number> {
  const server = createTlsServer({ ...tls.server, ca: tls.ca, requestCert: true }, mirror);
  return await listen(server);
}

/** A TLS client that sends back what it gets. */
export async function mirrorClient({ tls }: Testbed, port: number): Promise<void> {
  const socket = connectTls({ ...tls.client, ca: tls.ca, host: '127.0.0.1', port });
  mirror(socket);
  await once(socket, 'close');
}

function mirror(socket: TLSSocket): void {
  socket.on('error', () => {});
  socket.pipe(socket);
}

/** A TLS server for one client that speaks the protocol, in JSON, as the test wants. */
export async function rawServer(
  { tls }: Testbed,
  identity: TlsIdentity,
  serve: (peer: RawPeer) => Promise<void>,
): Promise<number> {
  const server = createTlsServer({ ...identity, ca: tls.ca }, (socket) => {
    socket.on('error', () => {});
    // A client that refuses hangs up: the test looks at that side.
    serve(new RawPeer(socket)).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
  return await listen(server);
}

export class RawPeer {
  readonly socket: TLSSocket;
  readonly #frames: AsyncGenerator<Buffer>;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    this.#frames = frames(socket);
  }

  send(message: object): void {
    const body = Buffer.from(JSON.stringify({ version: '1.3.0', ...message }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    this.socket.write(Buffer.concat([length, body]));
  }

  async receive(): Promise<Record<string, unknown>> {
    const { value } = await this.#frames.next();
    return JSON.parse(String(value));
  }

  exporter(role: Role): Buffer {
    const label = `EXPORTER-CMC-Attestation-${role === 'client' ? 'Client' : 'Server'}`;
    return this.socket.exportKeyingMaterial(32, label, Buffer.alloc(0));
  }
}

async function* frames(socket: TLSSocket): AsyncGenerator<Buffer> {
  let buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    buffer = Buffer.concat([buffer, chunk]);
    while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE()) {
      const end = 4 + buffer.readUInt32BE();
      yield buffer.subarray(4, end);
      buffer = buffer.subarray(end);
    }
  }
}

/** What a report is bound to when `spki-v1` is negotiated and the client has no certificate. */
export function spkiV1Nonce(
  role: Role,
  exporter: Uint8Array,
  mode: AttestationMode,
  serverSpki: Uint8Array,
): Uint8Array {
  const hash = createHash('sha256');
  const spkiHash = createHash('sha256').update(serverSpki).digest();
  for (const part of ['CMC aTLS 1.3.0 spki-v1', role, exporter, mode, spkiHash, '']) {
    const bytes = Buffer.from(part as Buffer);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return new Uint8Array(hash.digest());
}

function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => {});
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}

/** Listens until the test is over. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
