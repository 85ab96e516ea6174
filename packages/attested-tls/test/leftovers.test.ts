import { once } from 'node:events';
import { get } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { serveGrpc } from '@cmc/api/grpc-server';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HandshakeTimer, resolveTimeouts } from '../src/handshake-timer.ts';
import { Agent, type AttestedSocket, createHttpsServer } from '../src/index.ts';
import { closing, codeOf, dial, outcomeOf, pairWithRaw, quick, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './support/pki.ts';

const MUTUAL = 0;

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

/** Stands before a daemon and knows who is connected to it. */
async function watch(daemon: { readonly address: string }) {
  const open = new Set<Socket>();
  const front = createServer((socket) => {
    const [host, port] = daemon.address.split(':');
    const behind = connect(Number(port), host);
    socket.pipe(behind).pipe(socket);
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    for (const end of [socket, behind]) end.on('error', () => {});
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  onTestFinished(() => {
    front.close();
  });
  return { open, address: `127.0.0.1:${(front.address() as AddressInfo).port}` };
}

describe.each(['client', 'server'] as const)('our %s', (ours) => {
  test('has no timer left when the handshake is over', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    await raw.receive('request');
    const during = timers();
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    raw.send('complete', { success: true });
    expect(codeOf(await outcome)).toBe('connected');
    // Those of the phase and of the whole handshake are gone. The test runner has some of its own.
    await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(during - 2));
  });

  test('waits for the peer in one phase only as long as that phase lasts', async () => {
    const timeouts = { ...quick, requestMs: 300 };
    const { raw, outcome } = await pairWithRaw(ours, { timeouts });
    raw.send('request', { attest: MUTUAL });
    await wait(500);
    raw.send('response', { report: raw.report() });
    raw.send('complete', { success: true });
    expect(codeOf(await outcome)).toBe('connected');
  });

  test('is gone at once when a refused peer has closed', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.send('request', { attest: 3 });
    raw.socket.end();
    expect(codeOf(await outcome)).toBe('ERR_ATLS_MODE_MISMATCH');
    const start = performance.now();
    await closing(raw.transport);
    expect(performance.now() - start).toBeLessThan(500);
  });

  test('lets a refused peer that reads late have the reason, whatever it sent meanwhile', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.socket.pause();
    raw.send('request', { attest: 3 });
    raw.write(Buffer.alloc(4 * 1024 * 1024));
    expect(codeOf(await outcome)).toBe('ERR_ATLS_MODE_MISMATCH');
    await wait(1300);
    raw.socket.resume();
    await raw.receive('request');
    expect((await raw.receive('complete'))?.error).toMatch(/^ERR_ATLS_MODE_MISMATCH/);
  });

  test.each([
    ['a Request', { maxFrameBytes: 8 }, 'request'],
    ['a Response that must carry no report', { attest: ours }, 'response'],
  ] as const)('R46 refuses %s that is too large', async (_, options, kind) => {
    const { raw, outcome } = await pairWithRaw(ours, options);
    raw.send('request', { attest: kind === 'request' ? MUTUAL : ours === 'client' ? 1 : 2 });
    if (kind === 'response') raw.send('response', { report: new Uint8Array(65_536) });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_LIMIT');
  });
});

test('a stopped handshake timer never ends anything', async () => {
  const timer = new HandshakeTimer(resolveTimeouts({ requestMs: 20, totalMs: 30 }));
  timer.enter('request');
  timer.stop();
  await wait(60);
  expect(timer.signal.aborted).toBe(false);
});

test('attested connections do not count as peers on their way', async () => {
  const { port, next } = await serve({ maxUnattested: 1 });
  const ends: AttestedSocket[] = [];
  for (let i = 0; i < 3; i++) {
    const [, end] = await Promise.all([outcomeOf(dial(port)), next()]);
    ends.push(end as AttestedSocket);
  }
  expect(ends.map((socket) => socket.destroyed)).toEqual([false, false, false]);
});

test('server and agent give up their connection to a daemon when they are closed', async () => {
  const daemon = await serveGrpc(fakeCmc(), { address: '127.0.0.1:0' });
  onTestFinished(() => daemon.close());
  const { open, address } = await watch(daemon);
  const options = { ...trusted, cmc: { api: 'grpc', address }, timeouts: quick } as const;
  const server = createHttpsServer({ ...options, ...serverIdentity, mtls: true }, (_, res) =>
    res.end(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ ...options, ...clientIdentity });
  const [response] = await once(get({ host: '127.0.0.1', port, agent }), 'response');
  response.resume();
  await once(response, 'end');
  const connections = [...open];
  expect(connections).toHaveLength(2);
  agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await Promise.all(connections.map(closing));
});
