import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connect } from '../src/index.ts';
import { closing, codeOf, dial, outcomeOf, pairWithRaw, quick, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { encodeRaw, frame } from './support/raw-peer.ts';

const MUTUAL = 0;
const SHORT = { ...quick, requestMs: 300, attestMs: 300, completeMs: 300, cmcMs: 100 };

/** Calls of the daemon that never come back. */
const never = (operation: string) => ({
  before: (name: string) => (name === operation ? new Promise<never>(() => {}) : undefined),
});

describe.each(['client', 'server'] as const)('our %s', (ours) => {
  test.each(['request', 'attest', 'complete'] as const)(
    'R46 gives up a peer that is silent in phase %s, and tells it why',
    async (phase) => {
      const { raw, outcome } = await pairWithRaw(ours, { timeouts: SHORT });
      if (phase !== 'request') raw.send('request', { attest: MUTUAL });
      if (phase === 'complete') raw.send('response', { report: raw.report() });
      expect(await outcome).toMatchObject({ code: 'ERR_ATLS_TIMEOUT', phase });
      await raw.receive('request');
      if (phase !== 'request') await raw.receive('response');
      // In the last phase the own Complete was out already, and said success.
      const complete = await raw.receive('complete');
      expect(complete?.success).toBe(phase === 'complete');
      expect(await raw.drain()).toHaveLength(0);
    },
  );

  test('R46 gives up a peer that sends a byte now and then', async () => {
    const { raw, outcome } = await pairWithRaw(ours, { timeouts: SHORT });
    const request = frame(encodeRaw('request', { version: '1.3.0', attest: MUTUAL }, 'json'));
    let at = 0;
    const trickle = setInterval(() => raw.write(request.subarray(at, ++at)), 20);
    onTestFinished(() => clearInterval(trickle));
    expect(await outcome).toMatchObject({ code: 'ERR_ATLS_TIMEOUT', phase: 'request' });
    expect(at).toBeLessThan(request.length);
  });

  test('R46 gives up a peer that does not read', async () => {
    const cmc = fakeCmc({ padding: 16 * 1024 * 1024 });
    const timeouts = { ...SHORT, attestMs: 500 };
    const { raw, outcome } = await pairWithRaw(ours, { timeouts, cmc });
    raw.socket.pause();
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    expect(await outcome).toMatchObject({ code: 'ERR_ATLS_TIMEOUT', phase: 'attest' });
  });

  test('has one deadline for everything, which no phase extends', async () => {
    const timeouts = { ...quick, totalMs: 600 };
    const { raw, outcome } = await pairWithRaw(ours, { timeouts });
    setTimeout(() => raw.send('request', { attest: MUTUAL }), 100);
    const start = performance.now();
    expect(await outcome).toMatchObject({ code: 'ERR_ATLS_TIMEOUT', phase: 'attest' });
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('has one deadline for everything, also for an onResult that never ends', async () => {
    const timeouts = { ...quick, totalMs: 600 };
    const onResult = (): Promise<never> => new Promise(() => {});
    const { raw, outcome } = await pairWithRaw(ours, { timeouts, onResult });
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    expect(await outcome).toMatchObject({ code: 'ERR_ATLS_TIMEOUT', phase: 'verify' });
  });

  test.each([
    ['peerCache', 'request'],
    ['attest', 'attest'],
    ['verify', 'verify'],
  ] as const)('gives up its own daemon that never answers %s', async (operation, phase) => {
    const { raw, outcome } = await pairWithRaw(ours, {
      timeouts: SHORT,
      cmc: fakeCmc(never(operation)),
    });
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    expect(await outcome).toMatchObject({
      code: 'ERR_ATLS_CMC',
      phase,
      cause: { code: 'ERR_ATLS_TIMEOUT', message: 'no answer within 100 ms' },
    });
    if (operation !== 'peerCache') await raw.receive('request');
    if (operation === 'attest') {
      expect((await raw.receive('response'))?.error).toMatch(/^ERR_ATLS_CMC/);
    }
    if (operation === 'verify') await raw.receive('response');
    expect(await raw.receive('complete')).toMatchObject({ success: false });
  });

  test('cancels calls of its daemon when the peer gives up', async () => {
    let signal: AbortSignal | undefined;
    const cmc = fakeCmc({
      before(operation, options) {
        if (operation !== 'attest') return;
        signal = options?.signal;
        return new Promise<never>(() => {});
      },
    });
    const { raw, outcome } = await pairWithRaw(ours, { cmc });
    raw.send('request', { attest: MUTUAL });
    raw.send('complete', { success: false, error: 'no' });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_REPORTED');
    expect(signal?.aborted).toBe(true);
  });

  test('closes within a second after a refusal, whatever the peer does', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.socket.allowHalfOpen = true;
    const closed = closing(raw.transport);
    raw.send('request', { attest: 3 });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_MODE_MISMATCH');
    const start = performance.now();
    const flood = setInterval(() => raw.write(Buffer.alloc(100_000)), 5);
    onTestFinished(() => clearInterval(flood));
    await closed;
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('leaves no deadline on an attested connection', async () => {
    const timeouts = { requestMs: 800, attestMs: 800, completeMs: 800, totalMs: 1000 };
    const { raw, outcome } = await pairWithRaw(ours, { timeouts });
    await raw.handshake(MUTUAL, true);
    const socket = await outcome;
    expect(codeOf(socket)).toBe('connected');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    raw.write(Buffer.from('still here'));
    const [chunk] = await once(socket as import('node:stream').Duplex, 'data');
    expect(String(chunk)).toBe('still here');
  });
});

test('R46 gives up a server that is silent before TLS', async () => {
  const silent = createTcpServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => {
    silent.close();
  });
  const client = dial((silent.address() as AddressInfo).port, { timeouts: { tlsMs: 100 } });
  expect(await outcomeOf(client)).toMatchObject({ code: 'ERR_ATLS_TIMEOUT', phase: 'tls' });
});

test('R46 gives up a client that is silent before TLS, or sends a byte now and then', async () => {
  const { server, port } = await serve({ timeouts: { ...quick, tlsMs: 150 } });
  for (const bytes of [Buffer.alloc(0), Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])]) {
    const failed = once(server, 'tlsClientError');
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    let at = 0;
    const trickle = setInterval(() => socket.write(bytes.subarray(at, ++at)), 20);
    onTestFinished(() => clearInterval(trickle));
    const start = performance.now();
    await Promise.all([failed, closing(socket)]);
    expect(performance.now() - start).toBeLessThan(1000);
    clearInterval(trickle);
  }
});

test.each([0, -1, Number.NaN, 2 ** 31])('refuses a deadline of %d ms', (totalMs) => {
  const options = { port: 1, cmc: fakeCmc(), timeouts: { totalMs } };
  expect(() => connect(options)).toThrow(RangeError);
});
