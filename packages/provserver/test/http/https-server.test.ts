import { connect, type TLSSocket } from 'node:tls';
import { silentLogger } from '@cmc/bytes';
import { createFakeCa } from '@cmc/testkit';
import { afterEach, expect, test } from 'vitest';
import { addressGroup } from '../../src/http/address-group.ts';
import { type HttpsServer, startHttpsServer } from '../../src/http/https-server.ts';
import type { HttpLimits } from '../../src/http/limits.ts';
import type { ProvResponse, RouteHandler } from '../../src/http/route.ts';

const ca = await createFakeCa();
const issued = await ca.issue({ commonName: 'server', dnsNames: ['localhost'] });
const tls = { key: issued.privateKeyPem, cert: issued.chainPem };
let handled = 0;
let endDeaf = (): void => {};
const deaf = new Promise<ProvResponse>((resolve) => {
  endDeaf = () => resolve({ status: 200, body: '' });
});
const routes: readonly RouteHandler[] = [
  {
    method: 'POST',
    path: '/echo',
    maxBodyBytes: 100,
    handle: async ({ body }) => {
      handled++;
      return { status: 200, body };
    },
  },
  {
    method: 'GET',
    path: '/hang',
    handle: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  },
  { method: 'GET', path: '/deaf', handle: () => deaf },
  { method: 'GET', path: '/fail', handle: () => Promise.reject(new Error('a secret')) },
  {
    method: 'POST',
    path: '/large',
    maxBodyBytes: 20_000_000,
    handle: async ({ body }) => ({ status: 200, body: `${body.length}` }),
  },
  { method: 'GET', prefix: '/files/', handle: async ({ path }) => ({ status: 200, body: path }) },
];

let server: HttpsServer | undefined;
afterEach(async () => {
  await server?.close({ graceMs: 0 });
  server = undefined;
  handled = 0;
});

async function open(limits: Partial<HttpLimits> = {}, maxVersion?: 'TLSv1.1'): Promise<TLSSocket> {
  server ??= await startHttpsServer({
    host: '127.0.0.1',
    port: 0,
    tls,
    routes,
    logger: silentLogger,
    limits,
  });
  const port = Number(server.address.split(':').at(-1));
  const old = maxVersion && { maxVersion, minVersion: maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' };
  return connect({ host: '127.0.0.1', port, ca: ca.pem, servername: 'localhost', ...old });
}

/** All that comes until the server ends the connection. */
async function received(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

async function exchange(request: string, limits: Partial<HttpLimits> = {}): Promise<string> {
  const socket = await open(limits);
  socket.write(request);
  return await received(socket);
}

const get = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
const post = (headers: string, body = ''): string =>
  `POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n\r\n${body}`;

test('answers a request with what the handler says', async () => {
  const text = await exchange(post('Content-Length: 3', 'abc'));
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(text.endsWith('\r\n\r\nabc')).toBe(true);
});

test.each([
  ['an unknown path', get('/other'), 404],
  ['a path under a prefix that would normalize to one elsewhere', get('/files/../%65cho'), 200],
  ['another method', get('/echo'), 405],
  ['a body of 4 GiB', post('Content-Length: 4294967296'), 413],
  [
    'a body where none is expected',
    `${get('/files/a').trimEnd()}\r\nContent-Length: 1\r\n\r\na`,
    413,
  ],
  [
    'two ways to say the length',
    post('Content-Length: 3\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    400,
  ],
  ['a length that is no number', post('Content-Length: 0x3', 'abc'), 400],
  ['a long path', get(`/${'a'.repeat(3_000)}`), 414],
  ['a header without an end', `${get('/echo').trimEnd()}\r\nA: ${'a'.repeat(20_000)}`, 431],
])('answers %s with the status for it', async (_, request, status) => {
  expect(await exchange(request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(handled).toBe(0);
});

test('ends a chunked body at the limit', async () => {
  const chunk = `40\r\n${'a'.repeat(64)}\r\n`;
  const text = await exchange(post('Transfer-Encoding: chunked', chunk.repeat(1_000)));
  expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect(handled).toBe(0);
});

test('says nothing about what made a handler fail', async () => {
  const text = await exchange(get('/fail'));
  expect(text).toMatch(/^HTTP\/1\.1 500 /);
  expect(text).not.toContain('secret');
});

test('ends a request whose header or body comes too slowly', async () => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400 };
  for (const start of ['GET /fi', post('Content-Length: 3', 'a')]) {
    const begin = performance.now();
    expect(await exchange(start, limits)).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(performance.now() - begin).toBeLessThan(3_000);
  }
  expect(handled).toBe(0);
});

test('answers 503 for a handler that takes too long', async () => {
  const limits = { headersTimeoutMs: 50, requestTimeoutMs: 100, handlerTimeoutMs: 100 };
  expect(await exchange(get('/hang'), limits)).toMatch(/^HTTP\/1\.1 503 /);
});

test('answers 503 when an address has too many requests, and again serves it later', async () => {
  const limits = { maxConcurrentPerAddress: 1 };
  const first = await open(limits);
  first.write(get('/hang'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await exchange(get('/files/a'))).toMatch(/^HTTP\/1\.1 503 /);
  first.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await exchange(get('/files/a'))).toMatch(/^HTTP\/1\.1 200 /);
});

test('a request counts until its handler is done, although the client is gone', async () => {
  const limits = { maxConcurrentPerAddress: 1 };
  const first = await open(limits);
  first.write(get('/deaf'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  first.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await exchange(get('/files/a'))).toMatch(/^HTTP\/1\.1 503 /);
  endDeaf();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await exchange(get('/files/a'))).toMatch(/^HTTP\/1\.1 200 /);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
])('clients at %s count as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});

test('ends connections above the number for an address', async () => {
  const first = await open({ maxConnectionsPerAddress: 1 });
  await new Promise((resolve) => first.once('secureConnect', resolve));
  expect(await exchange(get('/files/a'))).toBe('');
  first.destroy();
});

test('speaks no TLS below 1.2', async () => {
  const socket = await open({}, 'TLSv1.1');
  const error = await new Promise<Error & { code?: string }>((resolve) =>
    socket.once('error', resolve),
  );
  expect(error.code).toMatch(/^ERR_SSL_/);
});

test('closes although a request hangs', async () => {
  const socket = await open();
  socket.write(get('/hang'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const begin = performance.now();
  await server?.close({ graceMs: 100 });
  expect(performance.now() - begin).toBeLessThan(1_000);
  socket.destroy();
});

test('answers pipelined requests in order, and several on one connection', async () => {
  const keep = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const socket = await open();
  socket.write(keep('/files/1') + keep('/other') + keep('/files/2') + get('/files/3'));
  const text = await received(socket);
  expect(text.match(/HTTP\/1\.1 \d+|\/files\/\d/g)).toEqual([
    ...['HTTP/1.1 200', '/files/1', 'HTTP/1.1 404', 'HTTP/1.1 200', '/files/2'],
    ...['HTTP/1.1 200', '/files/3'],
  ]);
});

test('ends a connection after so many requests', async () => {
  const keep = 'GET /files/1 HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const socket = await open({ maxRequestsPerConnection: 3, keepAliveTimeoutMs: 100 });
  socket.write(keep.repeat(3));
  const text = await received(socket);
  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  expect(text.match(/connection: close/gi)).toHaveLength(1);
});

test('what is left of a refused request is not taken for the next one', async () => {
  const hidden = 'GET /files/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const text = await exchange(
    `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n${hidden}`,
  );
  expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect(text).not.toContain('hidden');
});

test('bodies of 200 slow clients take memory as they arrive, and no more than the budget', async () => {
  const limits = {
    maxBodyBytes: 8 * 1024 * 1024,
    maxConcurrentPerAddress: 300,
    maxConnectionsPerAddress: 300,
    requestTimeoutMs: 20_000,
  };
  await open(limits).then((socket) => socket.destroy());
  const before = process.memoryUsage();
  const head =
    'POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\nConnection: close\r\n\r\n';
  const piece = Buffer.alloc(64 * 1024);
  const sockets = await Promise.all(Array.from({ length: 200 }, () => open()));
  let refused = 0;
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (String(data).startsWith('HTTP/1.1 503')) refused++;
    });
    socket.write(head);
  }
  for (let round = 0; round < 4; round++) {
    for (const socket of sockets) if (!socket.destroyed) socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const { arrayBuffers } = process.memoryUsage();
  expect(arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(200);
  const closed = sockets.map(
    (socket) =>
      new Promise((resolve) => (socket.closed ? resolve(0) : socket.once('close', resolve))),
  );
  for (const socket of sockets) socket.destroy();
  await Promise.all(closed);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // What was taken is given back: a body as long as the budget fits again.
  const body = Buffer.alloc(4_000_000);
  const socket = await open();
  socket.write(
    `POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  );
  socket.write(body);
  expect(await received(socket)).toMatch(/^HTTP\/1\.1 200 /);
});
