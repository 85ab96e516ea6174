import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ApiName } from '@cmc/api';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { rawServer } from './support/mallory.ts';
import { buildPrograms, createSite, type Site } from './support/site.ts';

beforeAll(buildPrograms, BUILD_TIMEOUT_MS);

const TIMEOUT_MS = 60_000;
const MIB = 1024 * 1024;
/** How much a server may grow under attack. Node's heap grows by itself; 500 TLS peers cost most. */
const MAX_GROWTH_BYTES = 100 * MIB;
/** Daemon calls of a handshake end after 10 s. */
const CMC_DEADLINE_MS = 10_000;
/** The Request of a peer must be there 15 s after TLS. */
const REQUEST_DEADLINE_MS = 15_000;
const SLACK_MS = 5_000;

/** Length prefix: 4 GiB - 1. */
const FOUR_GIB = Buffer.from('ffffffff', 'hex');
const GRPC_RESOURCE_EXHAUSTED = '8';

/** Keeps a socket until the test is over. */
function keep<T extends Socket>(socket: T): T {
  socket.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** A connection to a daemon: `unix:///path` or `host:port`. */
function connectTo(address: string): Socket {
  const { hostname, port, pathname } = new URL(
    address.includes('://') ? address : `tcp://${address}`,
  );
  return port === '' ? connectTcp(pathname) : connectTcp(Number(port), hostname);
}

/** A TLS connection to the connector that is not attested. */
async function rawTls({ testbed: { tls } }: Site, port: number): Promise<Socket> {
  const socket = keep(connectTls({ ...tls.client, ca: tls.ca, host: '127.0.0.1', port }));
  await once(socket, 'secureConnect');
  return socket;
}

/** When the socket is closed by the other side, in milliseconds from now. */
async function closedAfter(socket: Socket): Promise<number> {
  const start = performance.now();
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return performance.now() - start;
}

/** A connector with its daemon, and the daemon of a client. */
async function startAll(site: Site) {
  const server = await site.startDaemon('server');
  const client = await site.startDaemon('client');
  const connector = await site.startConnector(server.address);
  const dial = async (...flags: readonly string[]) =>
    await site.dial(connector.port, client.address, ...flags);
  return { server, client, connector, dial };
}

describe('the daemon', () => {
  test.each([
    ['killed', 'SIGKILL', 0],
    ['stopped so that it never answers', 'SIGSTOP', CMC_DEADLINE_MS],
  ] as const)(
    'of the client is %s in the middle of a handshake: exit code 3 within the deadline',
    async (_, signal, deadlineMs) => {
      const site = await createSite();
      const client = await site.startDaemon('client');
      let lastMessage: Record<string, unknown> = {};
      let start = 0;
      const port = await rawServer(site.testbed, site.testbed.tls.server, async (peer) => {
        // The client has asked its daemon for cached digests, and will ask for a report.
        await peer.receive();
        client.program.child.kill(signal);
        start = performance.now();
        peer.send({ attest: 1 });
        lastMessage = await peer.receive();
      });
      const { code, stderr } = await site.dial(
        port,
        client.address,
        ...['--attest', 'client', '--serialization', 'json'],
      );
      expect(performance.now() - start).toBeLessThan(deadlineMs + SLACK_MS);
      expect(stderr).toMatch(/^testclient: ERR_ATLS_CMC: the own daemon failed in Attest/);
      expect(code).toBe(3);
      expect(lastMessage).toMatchObject({ error: expect.stringMatching(/^ERR_ATLS_CMC: /) });
      expect(stderr.trim().split('\n')).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test(
    'of the server is stopped: the client is told within the deadline, and served when it goes on',
    async () => {
      const site = await createSite();
      const { server, connector, dial } = await startAll(site);
      server.program.child.kill('SIGSTOP');
      const start = performance.now();
      const refused = await dial();
      expect(performance.now() - start).toBeLessThan(CMC_DEADLINE_MS + SLACK_MS);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/PEER_REPORTED/) });
      await connector.program.logged('refused a connection');
      server.program.child.kill('SIGCONT');
      expect(await dial()).toMatchObject({ code: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    'is killed and restarted between two connections: the connector needs no restart',
    async () => {
      const site = await createSite();
      const { server, dial } = await startAll(site);
      expect(await dial()).toMatchObject({ code: 0 });
      expect(await server.program.stop('SIGKILL')).toBe('SIGKILL');
      expect(await dial()).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/ERR_ATLS_CMC/),
      });
      // The socket of the killed one is still there.
      expect(existsSync(`${site.folder}/server.sock`)).toBe(true);
      await site.startDaemon('server');
      expect(await dial()).toMatchObject({ code: 0 });
    },
    TIMEOUT_MS,
  );
});

describe('a peer of the connector', () => {
  test(
    'that sends one byte per second is gone after the deadline; others are served meanwhile',
    async () => {
      const site = await createSite();
      const { connector, dial } = await startAll(site);
      const slow = await rawTls(site, connector.port);
      const message = Buffer.from('000000ff', 'hex');
      let sent = 0;
      const timer = setInterval(
        () => slow.write(message.subarray(sent % 4, (sent++ % 4) + 1)),
        1000,
      );
      onTestFinished(() => clearInterval(timer));
      const [elapsed, good] = await Promise.all([closedAfter(slow), dial()]);
      expect(good.code).toBe(0);
      expect(sent).toBeGreaterThan(5);
      expect(elapsed).toBeLessThan(REQUEST_DEADLINE_MS + SLACK_MS);
      const { error } = await connector.program.logged('refused a connection');
      expect(error).toMatchObject({ code: 'ERR_ATLS_TIMEOUT' });
    },
    TIMEOUT_MS,
  );

  test('that announces 4 GiB is refused at once, and nothing is reserved for it', async () => {
    const site = await createSite();
    const { connector, dial } = await startAll(site);
    const before = await connector.program.residentBytes();
    const liars = await Promise.all(
      Array.from({ length: 20 }, async () => await rawTls(site, connector.port)),
    );
    const closed = liars.map(closedAfter);
    for (const liar of liars) liar.write(FOUR_GIB);
    for (const elapsed of await Promise.all(closed)) expect(elapsed).toBeLessThan(SLACK_MS);
    const { error } = await connector.program.logged('refused a connection');
    expect(error).toMatchObject({ code: 'ERR_ATLS_LIMIT' });
    expect((await connector.program.residentBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
    expect(await dial()).toMatchObject({ code: 0 });
  });

  test.each([
    ['TCP', async (_: Site, port: number) => keep(connectTcp(port, '127.0.0.1'))],
    ['TLS', async (site: Site, port: number) => await rawTls(site, port)],
  ] as const)(
    '500 that are silent after %s do not keep a good one from being served',
    async (_, connectSilently) => {
      const site = await createSite();
      const { connector, dial } = await startAll(site);
      expect(await dial()).toMatchObject({ code: 0 });
      const before = await connector.program.residentBytes();
      await Promise.all(
        Array.from({ length: 500 }, async () => {
          // The server drops the slowest: some do not even get through TLS.
          await connectSilently(site, connector.port).catch(() => {});
        }),
      );
      const start = performance.now();
      expect(await dial()).toMatchObject({ code: 0 });
      expect(performance.now() - start).toBeLessThan(SLACK_MS);
      expect((await connector.program.residentBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
      expect(connector.program.child.exitCode).toBeNull();
    },
    TIMEOUT_MS,
  );
});

describe('a client of the daemon', () => {
  /** Has 20 clients do `attack`, which is fulfilled when the daemon has refused it. */
  async function attackDaemon(
    api: ApiName,
    attack: (address: string) => Promise<void>,
  ): Promise<void> {
    const site = await createSite();
    const { address, program } = await site.startDaemon('server', { api });
    const before = await program.residentBytes();
    const start = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => attack(address.address)));
    expect(performance.now() - start).toBeLessThan(SLACK_MS);
    expect((await program.residentBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
    const { code } = await site.testclient(
      ...['generate', '--api', api, '--cmc-addr', address.address],
    );
    expect(code).toBe(0);
  }

  test('that announces 4 GiB over API socket is refused', async () => {
    await attackDaemon('socket', async (address) => {
      const liar = keep(connectTo(address));
      liar.write(Buffer.concat([FOUR_GIB, Buffer.from('00000001', 'hex')]));
      await closedAfter(liar);
    });
  });

  test('that announces 4 GiB over API grpc is refused', async () => {
    await attackDaemon('grpc', async (address) => {
      const session = connectHttp2(`http://${address}`);
      onTestFinished(() => session.destroy());
      const call = session.request({
        ':method': 'POST',
        ':path': '/grpcapi.CMCService/Attest',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      call.write(Buffer.concat([Buffer.from([0]), FOUR_GIB]));
      let status: unknown;
      for (const event of ['response', 'trailers']) {
        call.on(event, (headers) => {
          status ??= headers['grpc-status'];
        });
      }
      call.on('error', () => {});
      call.resume();
      await new Promise((resolve) => call.once('close', resolve));
      expect(status).toBe(GRPC_RESOURCE_EXHAUSTED);
    });
  });

  test.each(['socket', 'grpc'] as const)(
    'of API %s is served although 500 others are silent',
    async (api) => {
      const site = await createSite();
      const daemon = await site.startDaemon('server', { api });
      const before = await daemon.program.residentBytes();
      await Promise.all(
        Array.from({ length: 500 }, async () => {
          await once(keep(connectTo(daemon.address.address)), 'connect');
        }),
      );
      const { code } = await site.testclient(
        ...['generate', '--api', api, '--cmc-addr', daemon.address.address],
      );
      expect(code).toBe(0);
      expect((await daemon.program.residentBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
    },
    TIMEOUT_MS,
  );
});

test('programs that are stopped leave nothing behind', async () => {
  const site = await createSite();
  const { server, client, connector, dial } = await startAll(site);
  expect(await dial()).toMatchObject({ code: 0 });
  for (const { program } of [connector, client, server]) expect(await program.stop()).toBe(0);
  const left = readdirSync(site.folder, { recursive: true }).map(String).sort();
  expect(left.filter((name) => /\.sock|\.lock|\.tmp|~/.test(name))).toStrictEqual([]);
  expect(left).toContain('server/storage/container-log.json');
  expect(await dial()).toMatchObject({ code: 3, stderr: expect.stringMatching(/ECONNREFUSED/) });
});
