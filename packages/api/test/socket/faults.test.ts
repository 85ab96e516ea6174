import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CmcError } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api-server.ts';
import type { Cmc } from '../../src/cmc.ts';
import { decodeError } from '../../src/codec.ts';
import { FrameReader, onlyFrame } from '../../src/frame-reader.ts';
import { attestationRequest, attestationResponse } from '../../src/messages.ts';
import { createSocketClient } from '../../src/socket/client.ts';
import { encodeFrame, type Frame, socketFrames, toFrame } from '../../src/socket/frame.ts';
import { type SocketServeOptions, serveSocket } from '../../src/socket/server.ts';
import { withResolvers } from '../contract.ts';
import { fakeCmc } from '../fake-cmc.ts';
import { rawConnect, readAll } from '../raw.ts';

const NONCE = new Uint8Array(8);
const ATTEST = encodeFrame({
  type: 1,
  payload: attestationRequest.encode({ nonce: NONCE }, 'cbor'),
});

const frameIn = (bytes: Uint8Array): Frame => {
  const frame = onlyFrame(new FrameReader(socketFrames(1 << 24)), bytes);
  if (frame === undefined) throw new Error(`no frame in ${bytes.length} bytes`);
  return toFrame(frame);
};
const errorIn = (bytes: Uint8Array): CmcError => {
  const { type, payload } = frameIn(bytes);
  expect(type).toBe(0);
  return decodeError(payload);
};

for (const kind of ['unix', 'tcp'] as const) {
  describe(`socket server on ${kind}`, () => {
    let directory: string;
    const servers: ApiServer[] = [];
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'cmc-faults-'));
    });
    afterEach(async () => {
      for (const server of servers.splice(0)) await server.close({ graceMs: 0 });
      rmSync(directory, { recursive: true });
    });
    const serve = async (cmc: Cmc, options: Partial<SocketServeOptions> = {}): Promise<string> => {
      const address = kind === 'unix' ? join(directory, 's') : '127.0.0.1:0';
      const server = await serveSocket(cmc, { address, ...options });
      servers.push(server);
      return server.address;
    };
    const goodCall = async (address: string): Promise<void> => {
      await using client = createSocketClient({ address });
      expect(await client.attest({ nonce: NONCE })).toEqual({ report: NONCE });
    };

    test('R46 refuses a length prefix of 4 GiB, with a reason', async () => {
      const address = await serve(fakeCmc());
      const socket = await rawConnect(address);
      socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0xa2));
      expect(errorIn(await readAll(socket))).toMatchObject({ remoteCode: 'ERR_API_LIMIT' });
      await goodCall(address);
    });

    test('R46 refuses more than the limit that was set, and takes what is within', async () => {
      const address = await serve(fakeCmc(), { maxMessageBytes: ATTEST.length - 8 });
      await goodCall(address);
      const socket = await rawConnect(address);
      socket.write(Uint8Array.of(0, 0, 0, ATTEST.length - 7, 0, 0, 0, 1));
      expect(errorIn(await readAll(socket))).toMatchObject({ remoteCode: 'ERR_API_LIMIT' });
    });

    test('R46 bounds the memory of all requests together', async () => {
      const address = await serve(fakeCmc(), { maxBufferedBytes: 140_000 });
      const first = await rawConnect(address);
      first.write(Uint8Array.of(0, 1, 0x80, 0, 0, 0, 0, 1));
      first.write(new Uint8Array(90_000));
      await sleep(100);
      const second = await rawConnect(address);
      second.write(ATTEST);
      expect(errorIn(await readAll(second))).toMatchObject({ remoteCode: 'ERR_API_LIMIT' });
      first.destroy();
      await once(first, 'close');
      await sleep(50);
      await goodCall(address);
    });

    test('R46 refuses a response beyond the limit', async () => {
      const attest: Cmc['attest'] = async () => ({ report: new Uint8Array(2000) });
      const address = await serve(fakeCmc({ attest }), { maxMessageBytes: 1000 });
      await using client = createSocketClient({ address });
      await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
        remoteCode: 'ERR_API_LIMIT',
      });
    });

    test('R46 drops a peer that sends a byte at a time, at the deadline', async () => {
      const address = await serve(fakeCmc(), { transferTimeoutMs: 500 });
      const socket = await rawConnect(address);
      const started = performance.now();
      let at = 0;
      const timer = setInterval(() => socket.write(ATTEST.subarray(at, ++at)), 50);
      expect(await readAll(socket)).toHaveLength(0);
      clearInterval(timer);
      const elapsed = performance.now() - started;
      expect(elapsed).toBeGreaterThan(400);
      expect(elapsed).toBeLessThan(4_000);
      expect(at).toBeLessThan(ATTEST.length);
    });

    test('R46 drops a peer that does not take its response, at the deadline', async () => {
      const attest: Cmc['attest'] = async () => ({ report: new Uint8Array(8 * 1024 * 1024) });
      const address = await serve(fakeCmc({ attest }), { transferTimeoutMs: 500 });
      const socket = await rawConnect(address);
      socket.pause();
      socket.write(ATTEST);
      await sleep(1000);
      const received = await readAll(socket);
      expect(received.length).toBeGreaterThan(0);
      expect(received.length).toBeLessThan(8 * 1024 * 1024);
    });

    test('R46 serves a good peer while 500 others stay silent, in bounded memory', async () => {
      const address = await serve(fakeCmc(), { transferTimeoutMs: 1500 });
      const rss = process.memoryUsage().rss;
      const silent = await Promise.all(Array.from({ length: 500 }, () => rawConnect(address)));
      for (const [index, socket] of silent.entries()) {
        if (index % 2 === 0) socket.write(Uint8Array.of(0, 0xff, 0xff, 0xff, 0, 0));
      }
      await goodCall(address);
      expect(process.memoryUsage().rss - rss).toBeLessThan(64 * 1024 * 1024);
      await Promise.all(silent.map((socket) => readAll(socket)));
      await goodCall(address);
    });

    test('answers a peer that closed its side after the request', async () => {
      const attest: Cmc['attest'] = async ({ nonce }) => {
        await sleep(100);
        return { report: nonce };
      };
      const address = await serve(fakeCmc({ attest }));
      const socket = await rawConnect(address);
      socket.end(ATTEST);
      const { type, payload } = frameIn(await readAll(socket));
      expect(type).toBe(1);
      expect(attestationResponse.decode(payload).value.report).toEqual(NONCE);
    });

    test('says so when a peer closes its side too early', async () => {
      const socket = await rawConnect(await serve(fakeCmc()));
      socket.end(ATTEST.subarray(0, 12));
      expect(errorIn(await readAll(socket))).toMatchObject({ remoteCode: 'ERR_API_UNAVAILABLE' });
    });

    test('cuts off a peer that sends more than its request', async () => {
      const cmc = fakeCmc();
      const address = await serve(cmc);
      const together = await rawConnect(address);
      together.write(Uint8Array.of(...ATTEST, 0));
      expect(errorIn(await readAll(together))).toMatchObject({ remoteCode: 'ERR_API_PROTOCOL' });
      expect(cmc.calls).toHaveLength(0);

      const slow = await serve(fakeCmc({ attest: () => new Promise(() => {}) }), {
        ...(kind === 'unix' ? { address: join(directory, 't') } : {}),
      });
      const later = await rawConnect(slow);
      later.write(ATTEST);
      await sleep(50);
      later.write(Uint8Array.of(0));
      expect(await readAll(later)).toHaveLength(0);
    });

    test('refuses garbage, unknown types and empty payloads', async () => {
      const address = await serve(fakeCmc());
      const cases: readonly (readonly [Uint8Array, string])[] = [
        [encodeFrame({ type: 1, payload: Uint8Array.of(0xff, 0xfe, 0x00) }), 'ERR_API_REQUEST'],
        [
          encodeFrame({ type: 1, payload: new TextEncoder().encode('{"nonce":') }),
          'ERR_API_REQUEST',
        ],
        [encodeFrame({ type: 0, payload: ATTEST.subarray(8) }), 'ERR_API_PROTOCOL'],
        [encodeFrame({ type: 10, payload: ATTEST.subarray(8) }), 'ERR_API_PROTOCOL'],
        [encodeFrame({ type: 1, payload: new Uint8Array() }), 'ERR_API_PROTOCOL'],
        [new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'), 'ERR_API_LIMIT'],
      ];
      for (const [bytes, remoteCode] of cases) {
        const socket = await rawConnect(address);
        socket.write(bytes);
        expect(errorIn(await readAll(socket))).toMatchObject({ remoteCode });
      }
      await goodCall(address);
    });

    test('serves one request per connection', async () => {
      const address = await serve(fakeCmc());
      const socket = await rawConnect(address);
      socket.write(ATTEST);
      const ended = once(socket, 'end');
      socket.resume();
      await ended;
    });

    test('closes at once although silent peers are connected', async () => {
      const address = await serve(fakeCmc());
      const socket = await rawConnect(address);
      await sleep(20);
      const started = performance.now();
      await servers[0]?.close();
      expect(performance.now() - started).toBeLessThan(2_500);
      await readAll(socket);
    });
  });
}

describe('socket server on tcp', () => {
  test('aborts a call whose peer was killed', async () => {
    const aborted = withResolvers<unknown>();
    const attest: Cmc['attest'] = (_request, { signal } = {}) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => {
          aborted.resolve(signal.reason);
          reject(signal.reason);
        });
      });
    const cmc = fakeCmc({ attest });
    await using server = await serveSocket(cmc, { address: '127.0.0.1:0' });
    const socket = await rawConnect(server.address);
    socket.write(ATTEST);
    while (cmc.calls.length === 0) await sleep(5);
    socket.resetAndDestroy();
    expect(await aborted.promise).toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
  });
});

describe('socket client', () => {
  const against = async (
    answer: (socket: Socket) => unknown,
    timeoutMs = 2_000,
  ): Promise<unknown> => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using client = createSocketClient({ address: `127.0.0.1:${port}`, timeoutMs });
    try {
      return await client.attest({ nonce: NONCE });
    } catch (error) {
      return error;
    } finally {
      server.close();
    }
  };
  const response = (type: number, text: string): Uint8Array =>
    encodeFrame({ type, payload: new TextEncoder().encode(text) });

  const faults: readonly (readonly [string, (socket: Socket) => unknown, string])[] = [
    ['a daemon that dies', (s) => s.destroy(), 'ERR_API_UNAVAILABLE'],
    [
      'a daemon that dies in the middle of its answer',
      (s) => s.end(response(1, '{"version":"1.4.0"}').subarray(0, 15)),
      'ERR_API_UNAVAILABLE',
    ],
    [
      'a response of 4 GiB',
      (s) => s.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1)),
      'ERR_API_LIMIT',
    ],
    ['another type', (s) => s.end(response(2, '{}')), 'ERR_API_PROTOCOL'],
    ['garbage', (s) => s.end(response(1, 'x')), 'ERR_API_PROTOCOL'],
    ['another version', (s) => s.end(response(1, '{"version":"2.0.0"}')), 'ERR_API_VERSION'],
    ['an error', (s) => s.end(response(0, '{"msg":"no"}')), 'ERR_API_REMOTE'],
    [
      'bytes after the response',
      (s: Socket) =>
        void s.end(Uint8Array.of(...response(1, '{"version":"1.4.0","report":"AQ=="}'), 1)),
      'ERR_API_PROTOCOL',
    ],
  ];
  test.each(faults)('reports %s', async (_, answer, code) => {
    expect(await against(answer)).toMatchObject({ name: 'ApiError', code });
  });

  test('gives up on an answer that comes a byte at a time', async () => {
    const drip = (socket: Socket): void => {
      const bytes = response(1, '{"version":"1.4.0","report":"AQ=="}');
      let at = 0;
      const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 50);
      socket.once('close', () => clearInterval(timer));
    };
    expect(await against(drip, 400)).toMatchObject({ code: 'ERR_API_TIMEOUT' });
  });

  test('writes header and payload at once', async () => {
    const chunks: number[] = [];
    const server = createServer((socket) =>
      socket.on('data', (chunk) => chunks.push(chunk.length)),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using client = createSocketClient({ address: `127.0.0.1:${port}`, timeoutMs: 200 });
    await client.attest({ nonce: NONCE }).catch(() => {});
    server.close();
    expect(chunks).toEqual([ATTEST.length]);
  });

  test('is there without a daemon, and says so when it calls', async () => {
    await using client = createSocketClient({ address: join(tmpdir(), 'cmc-no-such.sock') });
    await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
      code: 'ERR_API_UNAVAILABLE',
    });
  });
});
