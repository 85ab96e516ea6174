import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type AttestedSocket,
  createHttpsServer,
  createServer,
  type ServerOptions,
} from '@cmc/attested-tls';
import { BUILD_TIMEOUT_MS, type PartyVariant } from '@cmc/testbed';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

interface ServeOptions {
  readonly variant?: PartyVariant;
  readonly options?: ServerOptions;
  readonly https?: boolean;
  /** What the HTTPS server does with a request. Default: answers. */
  readonly answer?: RequestListener;
  /** What the server does with an attested connection. Default: answers what it is sent. */
  readonly serve?: (socket: AttestedSocket) => void;
}

/** A server with its daemon, and the client's `dial` with the flags that fit it. */
async function start({
  variant = 'good',
  options,
  https = false,
  serve = echo,
  answer = (request, response) => void response.end(`got ${request.url}`),
}: ServeOptions = {}) {
  const site = await createSite();
  const { tls } = site.testbed;
  const cmc = await site.startDaemon('server', variant);
  const { address } = await site.startDaemon('client');
  const settings = { ...tls.server, ca: tls.ca, mtls: true, cmc, ...options };
  const server = https ? createHttpsServer(settings, answer) : createServer(settings, serve);
  const open = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => open.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const { port } = server.address() as AddressInfo;
  const { client, tlsCa, metadataCa } = site.files;
  const flags = [
    ...['--addr', `localhost:${port}`, '--cmc-addr', address, '--root-cas', tlsCa],
    ...['--mtls', '--cert', client.cert, '--key', client.key],
    ...(https ? ['--https'] : []),
  ];
  const dial = async (...more: readonly string[]) =>
    await site.testclient('dial', ...flags, ...more);
  return { dial, metadataCa };
}

function echo(socket: AttestedSocket): void {
  socket.on('error', () => {});
  socket.on('data', (chunk) => socket.write(`answer to : ${chunk}`));
}

describe.each([
  ['a connection', false, 'answer to : hello'],
  ['an HTTPS request', true, 'got /'],
] as const)('%s', (_, https, expected) => {
  test('to a good server is answered: exit code 0', async () => {
    const { dial } = await start({ https });
    const { code, stdout, stderr } = await dial();
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/accepted/i);
    expect(stdout).toMatch(new RegExp(`^Answer: ${expected}$`, 'm'));
  });

  test('is told to machines as one JSON object', async () => {
    const { dial } = await start({ https });
    const { stdout } = await dial('--json');
    expect(JSON.parse(stdout)).toMatchObject({
      connected: true,
      status: 'success',
      answer: expected,
    });
  });

  test.each([
    ['tampered', /signature does not verify/],
    ['wrongCa', /Unknown Metadata CA/],
    ['expired', /not valid after/],
    ['missingManifest', /no manifest is the root/],
  ] as const)('to a server with %s metadata is refused: exit code 1', async (variant, reason) => {
    const { dial } = await start({ https, variant });
    const { code, stdout, stderr } = await dial('--json');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^testclient: ERR_ATLS_PEER_ATTESTATION: [^\n]+\n$/);
    const { connected, status, reasons, answer } = JSON.parse(stdout);
    expect({ connected, status, answer }).toEqual({ connected: false, status: 'fail' });
    expect(reasons.join('\n')).toMatch(reason);
  });

  test('to a server of another mode is an error of configuration: exit code 2', async () => {
    const { dial } = await start({ https });
    expect(await dial('--attest', 'server')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/ERR_ATLS_MODE_MISMATCH/),
    });
  });

  test.each(['mutual', 'client', 'server', 'none'] as const)('works in mode %s', async (attest) => {
    const { dial } = await start({ https, options: { attest } });
    expect(await dial('--attest', attest)).toMatchObject({ code: 0 });
  });

  test('to a server with a certificate of an unknown CA fails: exit code 2', async () => {
    const { dial, metadataCa } = await start({ https });
    const { code, stderr } = await dial('--root-cas', metadataCa);
    expect({ code, lines: stderr.trim().split('\n').length }).toStrictEqual({ code: 2, lines: 1 });
  });

  test('to a server with another name fails: exit code 2', async () => {
    const { dial } = await start({ https });
    expect(await dial('--server-name', 'example.org')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/example\.org/),
    });
  });

  test('without a daemon exits with 3', async () => {
    const { dial } = await start({ https });
    expect(await dial('--cmc-addr', 'unix:///nowhere/cmcd.sock')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/ERR_ATLS_CMC.*ERR_API_UNAVAILABLE/),
    });
  });

  test('without a server exits with 3', async () => {
    const { dial } = await start({ https });
    expect(await dial('--addr', 'localhost:1')).toMatchObject({ code: 3 });
  });
});

describe('a server that is attested and', () => {
  test.each([
    ['never answers', { serve: () => {} }],
    ['never answers a request', { https: true, answer: () => {} }],
    [
      'never ends its answer',
      { https: true, answer: (_, response) => void response.write('and then') },
    ],
  ] satisfies [string, ServeOptions][])(
    '%s is given up at the deadline: exit code 3',
    async (_, options) => {
      const { dial } = await start(options);
      expect(await dial('--timeout-seconds', '1')).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/^testclient: ERR_TESTCLIENT_TIMEOUT: [^\n]+\n$/),
      });
    },
  );

  test('hangs up instead of answering is unavailable: exit code 3', async () => {
    const { dial } = await start({ serve: (socket) => void socket.end() });
    expect(await dial()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^testclient: ERR_TESTCLIENT_CLOSED: [^\n]+\n$/),
    });
  });

  test('hangs up instead of answering a request is unavailable: exit code 3', async () => {
    const { dial } = await start({ https: true, answer: ({ socket }) => void socket.destroy() });
    expect(await dial()).toMatchObject({ code: 3, stderr: expect.stringMatching(/^testclient: /) });
  });
});

test('a server that hangs up during the handshake is unavailable: exit code 3', async () => {
  const site = await createSite();
  const { tls } = site.testbed;
  const { address } = await site.startDaemon('client');
  const server = createTlsServer({ ...tls.server }, (socket) => void socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const where = ['--addr', `localhost:${port}`, '--root-cas', site.files.tlsCa];
  expect(await site.testclient('dial', ...where, '--cmc-addr', address)).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^testclient: ERR_ATLS_CLOSED: [^\n]+\n$/),
  });
});
