import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer as createHttpsServer, request } from 'node:https';
import { describe, expect, test } from 'vitest';
import { openDaemonKey } from '../src/index.ts';
import { codeOf, dial, outcomeOf, serve } from './support/ends.ts';
import { addonIsMissing, ca, KEY_ID, open, startDaemon } from './support/key-daemon.ts';

describe.skipIf(addonIsMissing())('a TLS key of the daemon', () => {
  test('identifies the server of an attested connection, and signs once for it', async () => {
    const daemon = await startDaemon();
    const key = await open(daemon);
    const { port, next } = await serve({ ...key.tls });
    const client = dial(port, { ca: ca.pem });
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), next()]);
    expect([codeOf(clientEnd), codeOf(serverEnd)]).toEqual(['connected', 'connected']);
    expect(client.attestation).toMatchObject({ keyBinding: 'spki-v1' });
    expect(await daemon.requests()).toHaveLength(1);
  });

  for (const algorithm of ['EC256', 'EC384', 'RSA2048'] as const) {
    test(`of ${algorithm} gets the message of TLS 1.3, signs it, and the peer takes it`, async () => {
      const daemon = await startDaemon(algorithm);
      const key = await open(daemon);
      const { port, next } = await serve({ ...key.tls });
      const [client, server] = await Promise.all([outcomeOf(dial(port, { ca: ca.pem })), next()]);
      expect([codeOf(client), codeOf(server)]).toEqual(['connected', 'connected']);
      const [request] = await daemon.requests();
      const { message = new Uint8Array(), hashAlg, content, scheme } = request ?? {};
      expect(new TextDecoder().decode(message)).toMatch(/^ {64}TLS 1\.3, server Certificate/);
      const hash = createHash(String(hashAlg)).update(message);
      expect(hash.digest().equals(content ?? new Uint8Array())).toBe(true);
      expect(scheme).toBe(algorithm === 'RSA2048' ? 'rsa-pss' : undefined);
    });
  }

  for (const algorithm of ['EC256', 'EC384'] as const) {
    test(`of ${algorithm} works with a daemon that knows digests only`, async () => {
      const key = await open(await startDaemon(algorithm, { digestsOnly: true }));
      const { port } = await serve({ ...key.tls });
      expect(codeOf(await outcomeOf(dial(port, { ca: ca.pem })))).toBe('connected');
    });
  }

  test('that is RSA of a daemon without RSA-PSS fails the handshake, and the server sees why', async () => {
    const daemon = await startDaemon('RSA2048', { digestsOnly: true });
    const key = await open(daemon);
    const server = createHttpsServer({ ...key.tls });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const failed = once(server, 'tlsClientError');
    request({ host: '127.0.0.1', port, ca: ca.pem, agent: false }).on('error', () => {});
    expect(String(await failed)).toContain('the daemon did not sign with RSA-PSS');
    expect(await daemon.requests()).toMatchObject([{ scheme: 'rsa-pss' }]);
    server.close();
  });

  test('signs the digest alone of what is longer than the daemon takes', async () => {
    const daemon = await startDaemon();
    const key = await open(daemon);
    // A client of TLS 1.2 signs the whole handshake.
    const server = createHttpsServer(
      { ...key.tls, ca: ca.pem, requestCert: true, maxVersion: 'TLSv1.2' },
      (_request, response) => response.end('hello'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const long = key.tls.cert.repeat(3);
    const asked = request({
      host: '127.0.0.1',
      port,
      ca: ca.pem,
      ...key.tls,
      cert: long,
      agent: false,
    });
    const [response] = await once(asked.end(), 'response');
    expect(response.statusCode).toBe(200);
    const lengths = (await daemon.requests()).map(({ message }) => message?.length ?? 0);
    expect(lengths).toEqual([expect.any(Number), 0]);
    expect(lengths[0]).toBeGreaterThan(0);
    response.resume();
    server.close();
  });

  test('works for a stock https server, too', async () => {
    const key = await open(await startDaemon('EC256'));
    const server = createHttpsServer({ ...key.tls }, (_request, response) => response.end('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const asked = request({ host: '127.0.0.1', port, ca: ca.pem, agent: false }).end();
    const [response] = await once(asked, 'response');
    const [body] = await once(response, 'data');
    expect(String(body)).toBe('hello');
    server.close();
  });

  test('whose daemon is gone fails the handshake, quickly and again and again', async () => {
    const daemon = await startDaemon();
    const key = await open(daemon, { timeoutMs: 1000, pauseMs: 60_000 });
    const { port } = await serve({ ...key.tls });
    await daemon.stop();
    const begin = performance.now();
    for (let i = 0; i < 3; i++) {
      expect(codeOf(await outcomeOf(dial(port, { ca: ca.pem })))).not.toBe('connected');
    }
    expect(performance.now() - begin).toBeLessThan(2500);
  });

  test('that was closed signs no more, and can be opened again', async () => {
    const daemon = await startDaemon();
    const first = await open(daemon);
    const { port } = await serve({ ...first.tls });
    await first.close();
    expect(codeOf(await outcomeOf(dial(port, { ca: ca.pem })))).not.toBe('connected');
    const again = await open(daemon);
    const server = await serve({ ...again.tls });
    const client = dial(server.port, { ca: ca.pem });
    expect(codeOf(await outcomeOf(client))).toBe('connected');
  });

  test('that the daemon does not have is ERR_ATLS_CMC', async () => {
    const daemon = await startDaemon();
    await expect(open(daemon, { keyId: 'another' })).rejects.toMatchObject({
      code: 'ERR_ATLS_CMC',
    });
  });

  test('opened twice on one thread is ERR_ATLS_KEY', async () => {
    const daemon = await startDaemon();
    await open(daemon);
    await expect(open(daemon)).rejects.toMatchObject({ code: 'ERR_ATLS_KEY' });
  });

  test('of no daemon is ERR_ATLS_CMC', async () => {
    const cmc = { api: 'socket', address: 'unix:///nowhere/cmcd.sock' } as const;
    expect(existsSync('/nowhere')).toBe(false);
    await expect(openDaemonKey({ cmc, keyId: KEY_ID })).rejects.toMatchObject({
      code: 'ERR_ATLS_CMC',
    });
  });
});
