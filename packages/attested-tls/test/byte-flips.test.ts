import { once } from 'node:events';
import type { Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttestedSocket, type AttestedTlsError, connect, createServer } from '../src/index.ts';
import { codeOf, quick } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './support/pki.ts';
import {
  dialRaw,
  type Encoding,
  encodeRaw,
  frame,
  listenRaw,
  type MessageKind,
  type RawServer,
} from './support/raw-peer.ts';

// A flipped length makes us wait for bytes that never come.
const timeouts = { ...quick, requestMs: 250, attestMs: 250, completeMs: 250 };
const KINDS: readonly MessageKind[] = ['request', 'response', 'complete'];
const AT_ONCE = 16;

type Outcome = AttestedSocket | AttestedTlsError;
let server: Server;
let rawServer: RawServer;
/** By the client's port. */
const ends = new Map<number, (outcome: Outcome) => void>();
const clients = new Map<number, Promise<Outcome>>();

beforeAll(async () => {
  server = createServer(
    { ...serverIdentity, ...trusted, mtls: true, cmc: fakeCmc(), timeouts },
    (socket) => ends.get(socket.remotePort ?? 0)?.(socket),
  );
  server.on('attestationError', (error, socket) => ends.get(socket.remotePort)?.(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  rawServer = await listenRaw({ requestCert: true });
});
afterAll(() => {
  server.close();
  rawServer.server.close();
});

async function meet(ours: 'client' | 'server') {
  if (ours === 'server') {
    const raw = await dialRaw(server);
    const port = raw.transport.localPort ?? 0;
    return { raw, outcome: new Promise<Outcome>((resolve) => ends.set(port, resolve)) };
  }
  // Several at a time: the raw server may accept another client than this one.
  const options = { ...clientIdentity, ...trusted, host: '127.0.0.1', port: rawServer.port };
  const client = connect({ ...options, cmc: fakeCmc(), timeouts });
  const outcome = once(client, 'secureConnect').then(
    () => client as AttestedSocket,
    (error: AttestedTlsError) => error,
  );
  client.on('connect', () => clients.set(client.localPort ?? 0, outcome));
  const raw = await rawServer.accept();
  return { raw, outcome: clients.get(raw.socket.remotePort ?? 0) ?? outcome };
}

/** Sends a good handshake, except that `change` may change one frame. */
async function handshake(
  ours: 'client' | 'server',
  encoding: Encoding,
  change: (kind: MessageKind, whole: Buffer) => Uint8Array,
): Promise<string> {
  const { raw, outcome } = await meet(ours);
  const messages = {
    request: { attest: 0 },
    response: { report: raw.report() },
    complete: { success: true },
  };
  for (const kind of KINDS) {
    const body = encodeRaw(kind, { version: '1.3.0', ...messages[kind] }, encoding);
    raw.write(change(kind, frame(body)));
  }
  const end = await outcome;
  raw.socket.destroy();
  if (!(end instanceof Error)) end.destroy();
  return codeOf(end);
}

describe.each(['client', 'server'] as const)('our %s', (ours) => {
  test.each(
    (['json', 'cbor'] as const).flatMap((encoding) =>
      KINDS.map((kind) => [kind, encoding] as const),
    ),
  )(
    'refuses a %s in %s with any byte changed',
    async (changed, encoding) => {
      let size = 0;
      const good = await handshake(ours, encoding, (kind, whole) => {
        if (kind === changed) size = whole.length;
        return whole;
      });
      expect(good).toBe('connected');
      const flips = [0x01, 0x20, 0x80].flatMap((mask) =>
        Array.from({ length: size }, (_, offset) => ({ mask, offset })),
      );
      const accepted: unknown[] = [];
      for (let i = 0; i < flips.length; i += AT_ONCE) {
        const batch = flips.slice(i, i + AT_ONCE).map(async ({ mask, offset }) => {
          const code = await handshake(ours, encoding, (kind, whole) =>
            kind === changed ? flip(whole, mask, offset) : whole,
          );
          if (!code.startsWith('ERR_ATLS_')) accepted.push({ mask, offset, code });
        });
        await Promise.all(batch);
      }
      expect(accepted).toEqual([]);
    },
    60_000,
  );
});

function flip(bytes: Uint8Array, mask: number, offset: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[offset] = (flipped[offset] ?? 0) ^ mask;
  return flipped;
}
