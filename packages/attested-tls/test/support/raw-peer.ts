import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createServer as createTlsServer,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import * as cborg from 'cborg';
import { fakeReport } from './fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './pki.ts';

/**
 * The other side of the protocol, written from its specification and with codecs of others: frames,
 * messages in JSON and CBOR, exporter. It does what a test tells it, good or bad.
 */
export type Encoding = 'json' | 'cbor';
export type MessageKind = 'request' | 'response' | 'complete';
export interface RawMessage {
  readonly version?: string;
  readonly attest?: number;
  readonly cached?: readonly string[];
  readonly bindings?: readonly string[];
  readonly report?: Uint8Array;
  readonly error?: string;
  readonly success?: boolean;
  readonly keyProof?: RawKeyProof;
}
export interface RawKeyProof {
  readonly certificates: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

const CBOR_KEYS: Record<MessageKind, Record<string, number>> = {
  request: { version: 0, attest: 1, cached: 2, extendedReport: 3, bindings: 16 },
  response: { version: 0, error: 1, report: 2, keyProof: 16 },
  complete: { version: 0, success: 1, error: 2 },
};

export function encodeRaw(kind: MessageKind, message: RawMessage, encoding: Encoding): Uint8Array {
  const { keyProof, ...simple } = message;
  const members: [string, unknown][] = Object.entries(simple);
  if (encoding === 'cbor') {
    if (keyProof) {
      const { certificates, signature } = keyProof;
      members.push([
        'keyProof',
        new Map<number, unknown>([
          [0, certificates],
          [1, signature],
        ]),
      ]);
    }
    return cborg.encode(new Map(members.map(([name, value]) => [CBOR_KEYS[kind][name], value])));
  }
  if (keyProof) {
    members.push([
      'keyProof',
      { certificates: keyProof.certificates.map(base64), signature: base64(keyProof.signature) },
    ]);
  }
  const text = members.map(([name, value]): [string, unknown] => [
    name,
    value instanceof Uint8Array ? base64(value) : value,
  ]);
  return Buffer.from(JSON.stringify(Object.fromEntries(text)));
}

function unbase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

export function decodeRaw(kind: MessageKind, body: Uint8Array): RawMessage {
  if (body[0] === 0x7b) {
    const { report, keyProof, ...members } = JSON.parse(Buffer.from(body).toString());
    return {
      ...members,
      ...(report && { report: unbase64(report) }),
      ...(keyProof && {
        keyProof: {
          certificates: keyProof.certificates.map(unbase64),
          signature: unbase64(keyProof.signature),
        },
      }),
    };
  }
  const map = cborg.decode(body, { useMaps: true }) as Map<number, unknown>;
  const names = Object.entries(CBOR_KEYS[kind]);
  return Object.fromEntries(
    [...map].map(([key, value]) => [
      names.find(([, number]) => number === key)?.[0],
      value instanceof Map ? { certificates: value.get(0), signature: value.get(1) } : value,
    ]),
  );
}

export function frame(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

export class RawPeer {
  readonly socket: TLSSocket;
  /** What is below TLS. */
  readonly transport: Socket;
  readonly role: 'client' | 'server';
  encoding: Encoding = 'cbor';
  #buffer = Buffer.alloc(0);
  #wake = (): void => {};
  #ended = false;

  constructor(socket: TLSSocket, transport: Socket, role: 'client' | 'server') {
    this.socket = socket;
    this.transport = transport;
    this.role = role;
    transport.on('error', () => {});
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  exporter(role: 'client' | 'server'): Uint8Array {
    const label = `EXPORTER-CMC-Attestation-${role === 'client' ? 'Client' : 'Server'}`;
    return new Uint8Array(this.socket.exportKeyingMaterial(32, label, Buffer.alloc(0)));
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  send(kind: MessageKind, message: RawMessage): void {
    this.write(frame(encodeRaw(kind, { version: '1.3.0', ...message }, this.encoding)));
  }

  /** Next `size` bytes; fewer when the connection ends before. */
  async read(size: number): Promise<Buffer> {
    while (this.#buffer.length < size && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#buffer.subarray(0, size);
    this.#buffer = this.#buffer.subarray(size);
    return bytes;
  }

  /** Body of the next frame, `undefined` when the connection ends before. */
  async receiveBody(): Promise<Buffer | undefined> {
    const length = await this.read(4);
    if (length.length < 4) return undefined;
    return await this.read(length.readUInt32BE());
  }

  async receive(kind: MessageKind): Promise<RawMessage | undefined> {
    const body = await this.receiveBody();
    return body && decodeRaw(kind, body);
  }

  /** What has come and was not read yet. */
  take(): Buffer {
    const bytes = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return bytes;
  }

  /** Everything until the end of the connection. */
  async drain(): Promise<Buffer> {
    return await this.read(Number.POSITIVE_INFINITY);
  }

  /** Own report as the reference makes it: bound to the exporter of the own role. */
  report(name?: string): Uint8Array {
    return fakeReport(this.exporter(this.role), name);
  }

  /** A good handshake as the reference does it. Returns what the other side said. */
  async handshake(attest: number, sendsReport: boolean): Promise<readonly unknown[]> {
    this.send('request', { attest });
    const request = await this.receive('request');
    this.send('response', sendsReport ? { report: this.report() } : {});
    const response = await this.receive('response');
    this.send('complete', { success: true });
    const complete = await this.receive('complete');
    return [request, response, complete];
  }
}

/** A raw client that has completed TLS with a server of ours. */
export async function dialRaw(
  server: { address(): unknown },
  options: ConnectionOptions = clientIdentity,
): Promise<RawPeer> {
  const { port } = server.address() as AddressInfo;
  const transport = connectTcp({ host: '127.0.0.1', port });
  await once(transport, 'connect');
  const tls = { host: '127.0.0.1', ...trusted, ...options };
  const socket = connectTls({ ...tls, socket: transport });
  const peer = new RawPeer(socket, transport, 'client');
  await once(socket, 'secureConnect');
  return peer;
}

export interface RawServer {
  readonly port: number;
  readonly server: Server;
  /** The next client, after TLS. */
  accept(): Promise<RawPeer>;
}

/** A raw server for clients of ours. */
export async function listenRaw(options: TlsOptions = {}): Promise<RawServer> {
  const peers: RawPeer[] = [];
  const waiting: ((peer: RawPeer) => void)[] = [];
  const server = createTlsServer({ ...serverIdentity, ...trusted, ...options }, (socket) => {
    const peer = new RawPeer(socket, Reflect.get(socket, '_parent'), 'server');
    const next = waiting.shift();
    if (next === undefined) peers.push(peer);
    else next(peer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async accept() {
      return peers.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
    },
  };
}

/** Somebody in the middle: passes frames both ways, unchanged, until one side is gone. */
export function relay(a: RawPeer, b: RawPeer): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    to.socket.write(from.take());
    from.socket.on('data', (chunk) => to.socket.write(chunk));
    from.socket.on('end', () => to.socket.end());
  }
}
