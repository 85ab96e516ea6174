import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { serveCoap } from '@cmc/api/coap-server';
import { serveGrpc } from '@cmc/api/grpc-server';
import { serveSocket } from '@cmc/api/socket-server';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CmcAddress, connect } from '../src/index.ts';
import { codeOf, dial, outcomeOf, quick, serve } from './support/ends.ts';
import { type FakeCmc, fakeCmc } from './support/fake-cmc.ts';

const cases = (['grpc', 'coap', 'socket'] as const).flatMap((api) =>
  (['json', 'cbor'] as const).map((serialization) => ({ api, serialization })),
);
const serveApi = { grpc: serveGrpc, coap: serveCoap, socket: serveSocket };
const started = new Map<string, Awaited<ReturnType<typeof serveSocket>>>();
let cmc: FakeCmc;

beforeAll(async () => {
  cmc = fakeCmc({ padding: 100_000, cache: ['ab'.repeat(32)] });
  for (const api of ['grpc', 'coap', 'socket'] as const) {
    started.set(api, await serveApi[api](cmc, { address: '127.0.0.1:0' }));
  }
});
afterAll(async () => {
  await Promise.all([...started.values()].map((server) => server.close()));
});

function addressOf(api: CmcAddress['api']): CmcAddress {
  return { api, address: started.get(api)?.address ?? '' };
}

test.each(cases)('is reached over $api in $serialization', async ({ api, serialization }) => {
  const address = { ...addressOf(api), serialization };
  const { port, next } = await serve({ cmc: address });
  for (let i = 0; i < 2; i++) {
    const client = dial(port, { cmc: address });
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), next()]);
    expect([codeOf(clientEnd), codeOf(serverEnd)]).toEqual(['connected', 'connected']);
    expect(client.attestation?.result?.summary.status).toBe('success');
  }
});

describe('a daemon that is not there', () => {
  async function closedPort(): Promise<string> {
    const server = createTcpServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return `127.0.0.1:${port}`;
  }

  test.each(['grpc', 'socket'] as const)('over %s ends both sides quickly', async (api) => {
    const gone = { api, address: await closedPort() };
    const { port, next } = await serve();
    const start = performance.now();
    const [clientEnd, serverEnd] = await Promise.all([
      outcomeOf(dial(port, { cmc: gone })),
      next(),
    ]);
    expect(codeOf(clientEnd)).toBe('ERR_ATLS_CMC');
    expect(clientEnd).toMatchObject({ cause: { code: 'ERR_API_UNAVAILABLE' } });
    expect(codeOf(serverEnd)).toBe('ERR_ATLS_PEER_REPORTED');
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('at a server, lets it serve when it is back', async () => {
    const address = await closedPort();
    const { port, next } = await serve({ cmc: { api: 'socket', address } });
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(dial(port)), next()]);
    expect(codeOf(clientEnd)).toBe('ERR_ATLS_PEER_REPORTED');
    expect(codeOf(serverEnd)).toBe('ERR_ATLS_CMC');
    const daemon = await serveSocket(fakeCmc(), { address });
    onTestFinished(() => daemon.close());
    expect(codeOf(await outcomeOf(dial(port)))).toBe('connected');
  });

  test('that accepts and never answers ends the handshake at its deadline', async () => {
    const silent = createTcpServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      silent.close();
    });
    const { port } = silent.address() as AddressInfo;
    const { port: serverPort, next } = await serve();
    const client = dial(serverPort, {
      cmc: { api: 'socket', address: `127.0.0.1:${port}` },
      timeouts: { ...quick, cmcMs: 200 },
    });
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), next()]);
    expect(codeOf(clientEnd)).toBe('ERR_ATLS_CMC');
    expect(codeOf(serverEnd)).toBe('ERR_ATLS_PEER_REPORTED');
  });

  test('with an address that is none is an error of the handshake, with the cause', async () => {
    const { port } = await serve();
    const client = dial(port, { cmc: { api: 'socket', address: 'tcp://nonsense' } });
    expect(await outcomeOf(client)).toMatchObject({
      code: 'ERR_ATLS_CMC',
      cause: { code: 'ERR_API_ADDRESS' },
    });
  });
});

test('a connection to the daemon is given up when the socket needs it no more', async () => {
  const daemon = createTcpServer();
  const closed: Promise<unknown>[] = [];
  daemon.on('connection', (socket) => {
    closed.push(once(socket, 'close'));
    socket.on('error', () => {}).resume();
  });
  daemon.listen(0, '127.0.0.1');
  await once(daemon, 'listening');
  const { port } = daemon.address() as AddressInfo;
  const { port: serverPort, next } = await serve();
  const cmcAddress = { api: 'grpc', address: `127.0.0.1:${port}` } as const;
  const client = dial(serverPort, { cmc: cmcAddress, timeouts: { ...quick, cmcMs: 100 } });
  await Promise.all([outcomeOf(client), next()]);
  await Promise.all(closed);
  await new Promise((resolve) => daemon.close(resolve));
  expect(closed.length).toBeGreaterThan(0);
});

test('mode none needs no daemon', async () => {
  const { port, next } = await serve({ attest: 'none', cmc: undefined });
  const client = dial(port, { attest: 'none', cmc: undefined });
  const ends = await Promise.all([outcomeOf(client), next()]);
  expect(ends.map(codeOf)).toEqual(['connected', 'connected']);
  expect(() => connect({ port, attest: 'server' })).toThrow(TypeError);
});
