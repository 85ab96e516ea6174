import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createGrpcClient } from '../../src/grpc/client.ts';
import { encodeGrpcFrame } from '../../src/grpc/frame.ts';
import { grpcMethods } from '../../src/grpc/methods.ts';
import { decodeGrpcMessage } from '../../src/grpc/status.ts';

const NONCE = new Uint8Array(8);
const RESPONSE = encodeGrpcFrame(grpcMethods.attest.response.encode({ report: NONCE }));
const OK = { ':status': 200, 'content-type': 'application/grpc' };

type Answer = (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void;

let server: Http2Server | undefined;
const sessions: ServerHttp2Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
  server?.close();
});

const start = async (answer: Answer): Promise<string> => {
  server = createServer();
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.resume();
    stream.once('end', () => answer(stream, headers));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const outcome = async (answer: Answer, timeoutMs = 2_000): Promise<unknown> => {
  await using client = createGrpcClient({ address: await start(answer), timeoutMs });
  return await client.attest({ nonce: NONCE }).catch((error: unknown) => error);
};
/** A response with `body`, then `trailers`. */
const respond =
  (body: Uint8Array, trailers: Record<string, string>): Answer =>
  (stream) => {
    stream.respond(OK, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
  };

describe('gRPC client', () => {
  test('sends what the protocol demands', async () => {
    let seen: Record<string, unknown> = {};
    const result = await outcome((stream, headers) => {
      seen = headers;
      respond(RESPONSE, { 'grpc-status': '0' })(stream, headers);
    }, 1234);
    expect(result).toEqual({ report: NONCE });
    expect(seen).toMatchObject({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/grpcapi.CMCService/Attest',
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      'grpc-timeout': '1234m',
    });
  });

  test('sends long timeouts within eight digits', async () => {
    let timeout: unknown;
    await outcome((stream, headers) => {
      timeout = headers['grpc-timeout'];
      respond(RESPONSE, { 'grpc-status': '0' })(stream, headers);
    }, 2_000_000_000);
    expect(timeout).toBe('2000000S');
  });

  test('reads a response that consists of trailers only', async () => {
    const result = await outcome((stream) => {
      stream.respond(
        { ...OK, 'grpc-status': '3', 'grpc-message': 'ERR_X_Y: bad%20%C3%BC' },
        { endStream: true },
      );
    });
    expect(result).toMatchObject({
      code: 'ERR_API_REMOTE',
      remoteCode: 'ERR_X_Y',
      message: 'ERR_X_Y: bad ü',
    });
  });

  test.each([
    ['UNIMPLEMENTED', '12', 'ERR_API_REMOTE'],
    ['UNKNOWN', '2', 'ERR_API_REMOTE'],
    ['DEADLINE_EXCEEDED', '4', 'ERR_API_TIMEOUT'],
    ['RESOURCE_EXHAUSTED', '8', 'ERR_API_LIMIT'],
    ['UNAVAILABLE', '14', 'ERR_API_UNAVAILABLE'],
    ['a status that is none', 'x', 'ERR_API_UNAVAILABLE'],
  ])('maps %s', async (_, status, code) => {
    expect(await outcome(respond(new Uint8Array(), { 'grpc-status': status }))).toMatchObject({
      name: 'ApiError',
      code,
    });
  });

  test.each([
    ['no status', respond(RESPONSE, {}), 'ERR_API_UNAVAILABLE'],
    ['no message', respond(new Uint8Array(), { 'grpc-status': '0' }), 'ERR_API_PROTOCOL'],
    [
      'half a message',
      respond(RESPONSE.subarray(0, 9), { 'grpc-status': '0' }),
      'ERR_API_PROTOCOL',
    ],
    [
      'two messages',
      respond(Uint8Array.of(...RESPONSE, ...RESPONSE), { 'grpc-status': '0' }),
      'ERR_API_PROTOCOL',
    ],
    [
      'a compressed message',
      respond(Uint8Array.of(1, ...RESPONSE.subarray(1)), { 'grpc-status': '0' }),
      'ERR_API_PROTOCOL',
    ],
    [
      'garbage',
      respond(encodeGrpcFrame(Uint8Array.of(0xff)), { 'grpc-status': '0' }),
      'ERR_API_PROTOCOL',
    ],
    [
      'an empty message',
      respond(encodeGrpcFrame(new Uint8Array()), { 'grpc-status': '0' }),
      'ERR_API_VERSION',
    ],
    [
      '4 GiB',
      respond(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff), { 'grpc-status': '0' }),
      'ERR_API_LIMIT',
    ],
    [
      'HTTP 404',
      (stream: ServerHttp2Stream) => stream.respond({ ':status': 404 }, { endStream: true }),
      'ERR_API_PROTOCOL',
    ],
    [
      'a reset',
      (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
      'ERR_API_UNAVAILABLE',
    ],
    [
      'a dead connection',
      (stream: ServerHttp2Stream) => stream.session?.destroy(),
      'ERR_API_UNAVAILABLE',
    ],
  ] as const)('reports %s', async (_, answer, code) => {
    expect(await outcome(answer)).toMatchObject({ name: 'ApiError', code });
  });

  test('resets the stream when it gives up', async () => {
    const reset = new Promise<number>((resolve) => {
      void outcome((stream) => stream.once('close', () => resolve(stream.rstCode)), 200);
    });
    expect(await reset).toBe(constants.NGHTTP2_CANCEL);
  });

  test('shares one connection, and makes another after the server said goodbye', async () => {
    const address = await start(respond(RESPONSE, { 'grpc-status': '0' }));
    await using client = createGrpcClient({ address });
    await Promise.all([client.attest({ nonce: NONCE }), client.attest({ nonce: NONCE })]);
    await client.attest({ nonce: NONCE });
    expect(sessions).toHaveLength(1);
    sessions[0]?.goaway();
    sessions[0]?.close();
    await once(sessions[0] as ServerHttp2Session, 'close');
    expect(await client.attest({ nonce: NONCE })).toEqual({ report: NONCE });
    expect(sessions).toHaveLength(2);
  });

  test('does not keep a process alive that calls no more', async () => {
    const address = await start(respond(RESPONSE, { 'grpc-status': '0' }));
    const module = new URL('../../src/grpc/client.ts', import.meta.url).pathname;
    const code = `
      const { createGrpcClient } = await import(${JSON.stringify(module)});
      const client = createGrpcClient({ address: ${JSON.stringify(address)} });
      await client.attest({ nonce: new Uint8Array(8) });
      process.stdout.write('done');`;
    const major = Number(process.versions.node.split('.')[0]);
    if (major < 24) return; // needs a Node that runs TypeScript
    const child = spawn(process.execPath, ['-C', '@cmc/source', '--input-type=module', '-e', code]);
    const [status] = await once(child, 'exit');
    expect(status).toBe(0);
  });
});

describe('decodeGrpcMessage', () => {
  test.each([
    ['plain', 'plain'],
    ['100%25 %C3%BC', '100% ü'],
    ['%F0%9F%98%80', '\u{1f600}'],
    ['%', '%'],
    ['%zz %4', '%zz %4'],
    ['%FF', '\ufffd'],
  ])('%s', (encoded, text) => {
    expect(decodeGrpcMessage(encoded)).toBe(text);
  });
});
