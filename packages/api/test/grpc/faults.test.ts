import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api-server.ts';
import type { Cmc } from '../../src/cmc.ts';
import { createGrpcClient } from '../../src/grpc/client.ts';
import { encodeGrpcFrame } from '../../src/grpc/frame.ts';
import { grpcMethods } from '../../src/grpc/methods.ts';
import { type GrpcServeOptions, serveGrpc } from '../../src/grpc/server.ts';
import { GRPC_STATUS } from '../../src/grpc/status.ts';
import { withResolvers } from '../contract.ts';
import { fakeCmc } from '../fake-cmc.ts';
import { rawConnect, readAll } from '../raw.ts';

const NONCE = new Uint8Array(8);
const ATTEST = encodeGrpcFrame(grpcMethods.attest.request.encode({ nonce: NONCE }));

const servers: ApiServer[] = [];
const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  for (const server of servers.splice(0)) await server.close({ graceMs: 0 });
});
const serve = async (cmc: Cmc, options: Partial<GrpcServeOptions> = {}): Promise<string> => {
  const server = await serveGrpc(cmc, { address: '127.0.0.1:0', ...options });
  servers.push(server);
  return server.address;
};
const goodCall = async (address: string): Promise<void> => {
  await using client = createGrpcClient({ address });
  expect(await client.attest({ nonce: NONCE })).toEqual({ report: NONCE });
};
/** Sends what it is told to on a stream of its own, and yields the status the server ends it with. */
const rawCall = async (
  address: string,
  send: (write: (bytes: Uint8Array) => void, end: () => void) => void,
  path = '/grpcapi.CMCService/Attest',
): Promise<{ status: number; message: string; reset: number | undefined }> => {
  const session = connectHttp2(`http://${address}`);
  session.on('error', () => {});
  sessions.push(session);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let status: unknown;
  let message: unknown;
  const note = (headers: Record<string, unknown>): void => {
    status ??= headers['grpc-status'];
    message ??= headers['grpc-message'];
  };
  stream
    .on('response', note)
    .on('trailers', note)
    .on('error', () => {})
    .resume();
  const closed = once(stream, 'close');
  send(
    (bytes) => stream.write(bytes),
    () => stream.end(),
  );
  await closed;
  return { status: Number(status), message: String(message), reset: stream.rstCode };
};

describe('gRPC server', () => {
  test('R46 refuses a length prefix of 4 GiB', async () => {
    const address = await serve(fakeCmc());
    const { status } = await rawCall(address, (write) => {
      write(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3));
    });
    expect(status).toBe(GRPC_STATUS.RESOURCE_EXHAUSTED);
    await goodCall(address);
  });

  test('R46 refuses a response beyond the limit', async () => {
    const attest: Cmc['attest'] = async () => ({ report: new Uint8Array(2000) });
    const address = await serve(fakeCmc({ attest }), { maxMessageBytes: 1000 });
    await using client = createGrpcClient({ address });
    await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
      remoteCode: 'ERR_API_LIMIT',
    });
  });

  test('R46 bounds the memory of all messages together', async () => {
    const address = await serve(fakeCmc(), { maxBufferedBytes: 270_000 });
    const session = connectHttp2(`http://${address}`);
    sessions.push(session);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpcapi.CMCService/Verify',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.write(Uint8Array.of(0, 0, 0x80, 0, 0));
    stream.write(new Uint8Array(250_000));
    await sleep(200);
    await using client = createGrpcClient({ address });
    await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
      remoteCode: 'ERR_API_LIMIT',
    });
    stream.close(constants.NGHTTP2_CANCEL);
    await sleep(200);
    await goodCall(address);
  });

  test('R46 drops a call whose response is not taken, at the deadline', async () => {
    const attest: Cmc['attest'] = async () => ({ report: new Uint8Array(8 * 1024 * 1024) });
    const address = await serve(fakeCmc({ attest }), { transferTimeoutMs: 400 });
    const session = connectHttp2(`http://${address}`);
    sessions.push(session);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpcapi.CMCService/Attest',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.pause();
    stream.end(ATTEST);
    const started = performance.now();
    await once(stream, 'close');
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  test('R46 takes no calls beyond the number per connection, and serves those', async () => {
    const attest: Cmc['attest'] = async ({ nonce }) => {
      await sleep(50);
      return { report: nonce };
    };
    const address = await serve(fakeCmc({ attest }));
    await using client = createGrpcClient({ address });
    const calls = Array.from({ length: 300 }, () => client.attest({ nonce: NONCE }));
    expect(await Promise.all(calls)).toHaveLength(300);
  });

  test('refuses garbage, and serves on', async () => {
    const address = await serve(fakeCmc());
    const { status, message } = await rawCall(address, (write, end) => {
      write(encodeGrpcFrame(Uint8Array.of(0xff, 0xff, 0xff)));
      end();
    });
    expect(status).toBe(GRPC_STATUS.INVALID_ARGUMENT);
    expect(message).toMatch(/^ERR_API_REQUEST/);

    const socket = await rawConnect(address);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10));
    await readAll(socket);
    await goodCall(address);
  });

  test('knows no other methods', async () => {
    const address = await serve(fakeCmc());
    const { status } = await rawCall(address, (_, end) => end(), '/grpcapi.CMCService/None');
    expect(status).toBe(GRPC_STATUS.UNIMPLEMENTED);
  });

  test('R46 ends a call that comes a byte at a time, at the deadline', async () => {
    const cmc = fakeCmc();
    const address = await serve(cmc, { transferTimeoutMs: 400 });
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const { status } = await rawCall(address, (write) => {
      let at = 0;
      timer = setInterval(() => write(ATTEST.subarray(at, ++at)), 100);
    });
    clearInterval(timer);
    expect(status).toBe(GRPC_STATUS.DEADLINE_EXCEEDED);
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(cmc.calls).toHaveLength(0);
  });

  test('R46 serves a good peer while 500 others stay silent, and drops those', async () => {
    const address = await serve(fakeCmc(), { transferTimeoutMs: 1500 });
    const rss = process.memoryUsage().rss;
    const silent = await Promise.all(Array.from({ length: 500 }, () => rawConnect(address)));
    for (const [index, socket] of silent.entries()) if (index % 2 === 0) socket.write('PRI * HT');
    await goodCall(address);
    expect(process.memoryUsage().rss - rss).toBeLessThan(256 * 1024 * 1024);
    await Promise.all(silent.map((socket) => readAll(socket)));
    await goodCall(address);
  });

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
    const address = await serve(cmc);
    const call = rawCall(address, (write, end) => {
      write(ATTEST);
      end();
    });
    while (cmc.calls.length === 0) await sleep(5);
    sessions[0]?.destroy(undefined, constants.NGHTTP2_CANCEL);
    await call;
    expect(await aborted.promise).toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
  });

  test('closes at once although idle and silent peers are connected', async () => {
    const address = await serve(fakeCmc());
    await using client = createGrpcClient({ address });
    await client.updateCerts();
    await rawConnect(address);
    const started = performance.now();
    await servers[0]?.close();
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
