import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import {
  connect as connectTls,
  createSecureContext,
  createServer as createTlsServer,
  Server,
  type TLSSocket,
} from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { attestSocket } from '../src/attest-socket.ts';
import { HandshakeTimer } from '../src/handshake-timer.ts';
import { createServer } from '../src/index.ts';
import { resolveAttestation } from '../src/options.ts';
import { closing, codeOf, dial, outcomeOf, quick, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './support/pki.ts';
import { dialRaw, listenRaw } from './support/raw-peer.ts';

async function silentPeers(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connectTcp(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => {}).resume();
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

test('is a tls.Server that emits secureConnection for attested connections only', async () => {
  const { server, port, next } = await serve();
  expect(server).toBeInstanceOf(Server);
  const seen: unknown[] = [];
  server.on('secureConnection', (socket) => seen.push(Reflect.get(socket, 'attestation')));
  server.prependListener('secureConnection', (socket) =>
    seen.push(Reflect.get(socket, 'attestation')),
  );
  const refused = dial(port, { attest: 'none' });
  await Promise.all([outcomeOf(refused), next()]);
  expect(seen).toEqual([]);
  const accepted = dial(port);
  await Promise.all([outcomeOf(accepted), next()]);
  expect(seen).toMatchObject([{ mode: 'mutual' }, { mode: 'mutual' }]);
});

test('emits attestationError with the error and a socket that closes', async () => {
  const { server, port } = await serve();
  const failed = once(server, 'attestationError');
  dial(port, { attest: 'none' }).on('error', () => {});
  const [error, socket] = await failed;
  expect(error).toMatchObject({ code: 'ERR_ATLS_MODE_MISMATCH', name: 'AttestedTlsError' });
  expect(socket.attestation).toBeUndefined();
  await closing(socket);
});

describe('peers that are not attested yet', () => {
  test('R46 500 silent ones do not keep a good one from being served', async () => {
    const { port, next } = await serve();
    const silent = await silentPeers(port, 500);
    await wait(50);
    const start = performance.now();
    const client = dial(port);
    expect(codeOf(await outcomeOf(client))).toBe('connected');
    expect(performance.now() - start).toBeLessThan(quick.totalMs);
    for (let end = await next(); end instanceof Error; end = await next()) {
      expect(codeOf(end)).toBe('ERR_ATLS_LIMIT');
    }
    // At most 256 at a time: the others had to go.
    await wait(50);
    expect(silent.filter((socket) => !socket.closed).length).toBeLessThanOrEqual(256);
  });

  test('R46 those that are silent after TLS do not either', async () => {
    const { server, port, next } = await serve({ maxUnattested: 50 });
    const peers = [];
    for (let i = 0; i < 60; i++) peers.push(await dialRaw(server));
    expect(codeOf(await next())).toBe('ERR_ATLS_LIMIT');
    const client = dial(port);
    expect(codeOf(await outcomeOf(client))).toBe('connected');
    for (const peer of peers) peer.socket.destroy();
  });

  test('the one without progress for the longest time makes room, not the one that came first', async () => {
    const { server, port } = await serve({ maxUnattested: 2 });
    const first = await dialRaw(server);
    const [silent] = await silentPeers(port, 1);
    await wait(20);
    first.send('request', { attest: 0 });
    await first.receive('request');
    await first.receive('response');
    await silentPeers(port, 1);
    await wait(50);
    expect(silent?.closed).toBe(true);
    expect(first.socket.closed).toBe(false);
    first.socket.destroy();
  });

  test('R46 their messages together take no more memory than allowed: the largest has to go', async () => {
    const MiB = 1024 * 1024;
    const { server, port, next } = await serve({ maxUnattestedBytes: 8 * MiB });
    const almost = (size: number): Buffer => {
      const message = Buffer.alloc(size);
      message.writeUInt32BE(size);
      return message;
    };
    const peers = [];
    for (const size of [3 * MiB, 4 * MiB, 3 * MiB]) {
      const peer = await dialRaw(server);
      peers.push(peer);
      peer.send('request', { attest: 0 });
      await peer.receive('request');
      peer.write(almost(size));
      await wait(100);
    }
    expect(codeOf(await next())).toBe('ERR_ATLS_LIMIT');
    expect(peers.map(({ socket }) => socket.closed)).toEqual([false, true, false]);
    expect(codeOf(await outcomeOf(dial(port)))).toBe('connected');
    expect(codeOf(await next())).toBe('connected');
    // Memory is given back: another one has room.
    peers[0]?.socket.destroy();
    expect(codeOf(await next())).toBe('ERR_ATLS_CLOSED');
    const late = await dialRaw(server);
    late.send('request', { attest: 0 });
    await late.receive('request');
    late.write(almost(4 * MiB));
    await wait(100);
    expect(late.socket.closed).toBe(false);
    for (const { socket } of [...peers, late]) socket.destroy();
  });

  test('a slot is free again when its peer is attested, refused or gone', async () => {
    const { port, next, server } = await serve({ maxUnattested: 1 });
    for (let i = 0; i < 3; i++) {
      expect(codeOf(await outcomeOf(dial(port)))).toBe('connected');
      expect(codeOf(await next())).toBe('connected');
      expect(codeOf(await outcomeOf(dial(port, { attest: 'none' })))).toBe(
        'ERR_ATLS_MODE_MISMATCH',
      );
      expect(codeOf(await next())).toBe('ERR_ATLS_MODE_MISMATCH');
      const failed = once(server, 'tlsClientError');
      const [silent] = await silentPeers(port, 1);
      silent?.destroy();
      await failed;
      await wait(20);
    }
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses a limit of %d', (maxUnattested) => {
    const options = { ...serverIdentity, cmc: fakeCmc(), maxUnattested };
    expect(() => createServer(options)).toThrow(RangeError);
    const bytes = { ...serverIdentity, cmc: fakeCmc(), maxUnattestedBytes: maxUnattested };
    expect(() => createServer(bytes)).toThrow(RangeError);
  });
});

test('a slow peer does not delay others: handshakes run side by side', async () => {
  const { server, port } = await serve();
  const slow = await dialRaw(server);
  slow.send('request', { attest: 0 });
  const start = performance.now();
  await Promise.all([dial(port), dial(port), dial(port)].map(outcomeOf));
  expect(performance.now() - start).toBeLessThan(1000);
  slow.socket.destroy();
});

test('close refuses peers on their way, keeps attested ones, and is over when those are', async () => {
  const { server, port, next } = await serve();
  const client = dial(port);
  await outcomeOf(client);
  const attested = await next();
  const [silent] = await silentPeers(port, 1);
  const raw = await dialRaw(server);
  await raw.receive('request');
  let closed = false;
  server.close(() => {
    closed = true;
  });
  expect(await next()).toMatchObject({ code: 'ERR_ATLS_CLOSED' });
  expect((await raw.receive('complete'))?.error).toMatch(/^ERR_ATLS_CLOSED/);
  if (silent !== undefined) await closing(silent);
  expect(closed).toBe(false);
  (attested as TLSSocket).resume().write('still');
  expect(String((await once(client, 'data'))[0])).toBe('still');
  client.end();
  await once(server, 'close');
});

describe('R40 TLS', () => {
  test('only 1.3 is spoken', async () => {
    const { port } = await serve();
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      ...trusted,
      ...clientIdentity,
      maxVersion: 'TLSv1.2',
    });
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  });

  test('a client refuses a server that speaks 1.2 only', async () => {
    const { port, server } = await listenRaw({ maxVersion: 'TLSv1.2' });
    onTestFinished(() => {
      server.close();
    });
    expect(codeOf(await outcomeOf(dial(port)))).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  test('a server resumes no session that it gave', async () => {
    const { server, next } = await serve({ attest: 'none' });
    const first = await dialRaw(server);
    const sessions: Buffer[] = [];
    first.socket.on('session', (session) => sessions.push(session));
    await first.handshake(3, false);
    expect(codeOf(await next())).toBe('connected');
    const [session] = sessions;
    const second = await dialRaw(server, { ...clientIdentity, ...(session && { session }) });
    expect(second.socket.isSessionReused()).toBe(false);
    await second.handshake(3, false);
    expect(codeOf(await next())).toBe('connected');
    first.socket.destroy();
    second.socket.destroy();
  });

  test('a client stores and offers no session', async () => {
    const { port } = await serve();
    expect(() => dial(port, { session: Buffer.alloc(1) })).toThrow(TypeError);
    const client = dial(port);
    client.on('session', () => expect.unreachable());
    await outcomeOf(client);
  });

  test('a resumed session is refused on both sides', async () => {
    const settings = resolveAttestation({ attest: 'none', timeouts: quick });
    const attest = (socket: TLSSocket, role: 'client' | 'server') =>
      attestSocket(socket, { role, settings, timer: new HandshakeTimer(settings.timeouts) });
    // Plain node:tls, where sessions are resumed.
    const outcomes: Promise<unknown>[] = [];
    const server = createTlsServer({ ...serverIdentity }, (socket) => {
      outcomes.push(attest(socket, 'server').catch((error) => error));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const options = { host: '127.0.0.1', port, ...trusted };
    const first = connectTls(options);
    const [session] = await once(first, 'session');
    first.destroy();
    const resumed = connectTls({ ...options, session });
    await once(resumed, 'secureConnect');
    expect(resumed.isSessionReused()).toBe(true);
    await expect(attest(resumed, 'client')).rejects.toMatchObject({ code: 'ERR_ATLS_RESUMED' });
    while (outcomes.length < 2) await wait(5);
    expect(await outcomes[1]).toMatchObject({ code: 'ERR_ATLS_RESUMED' });
  });

  test('a new certificate of a running server keeps the restrictions', async () => {
    const { server, port } = await serve();
    server.setSecureContext({ ...serverIdentity, ...trusted });
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      ...trusted,
      ...clientIdentity,
      maxVersion: 'TLSv1.2',
    });
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
    expect(() => server.setSecureContext({ minVersion: 'TLSv1.2' })).toThrow(TypeError);
    expect(codeOf(await outcomeOf(dial(port)))).toBe('connected');
  });

  test('a context for another name that speaks 1.2 gets nobody in', async () => {
    const { server, port, next } = await serve();
    const version = 'TLSv1.2';
    const weak = createSecureContext({
      ...serverIdentity,
      minVersion: version,
      maxVersion: version,
    });
    server.addContext('weak.example', weak);
    const socket = connectTls({
      host: '127.0.0.1',
      servername: 'weak.example',
      port,
      ...clientIdentity,
      rejectUnauthorized: false,
      maxVersion: version,
    });
    const refused = next().catch(() => {});
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
    expect(await Promise.race([refused, wait(50, 'nobody')])).toBe('nobody');
  });
});
