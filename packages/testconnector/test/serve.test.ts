import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Agent } from '@cmc/attested-tls';
import { createCmc } from '@cmc/cmcd';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

describe('an attested client', () => {
  test('gets an answer to each thing it sends, and is logged with its verdict', async () => {
    const { start } = await createSite();
    const { program, dial } = await start('--mtls');
    const { code, socket } = await dial();
    expect(code).toBe('connected');
    for (const word of ['hello', 'again']) {
      socket.write(word);
      expect(String(await once(socket, 'data'))).toBe(`answer to : ${word}`);
    }
    const fields = { mode: 'mutual', verdict: 'success', keyBinding: 'spki-v1' };
    const accepted = await program.logged('accepted a connection');
    expect(accepted).toMatchObject({ ...fields, peer: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await program.logged('verified a peer')).toMatchObject({
      verdict: 'success',
      reasons: expect.arrayContaining([expect.stringMatching(/accepted/)]),
    });
  });

  test.each(['mutual', 'client', 'server', 'none'] as const)(
    'is served in mode %s',
    async (attest) => {
      const { start } = await createSite();
      const { dial } = await start('--attest', attest);
      const { code, socket } = await dial('good', { attest });
      expect(code).toBe('connected');
      socket.write('x');
      expect(String(await once(socket, 'data'))).toBe('answer to : x');
    },
  );

  test('gets a JSON object over HTTPS', async () => {
    const { testbed, start } = await createSite();
    const { port } = await start('--https', '--mtls');
    const { tls, metadataRoots } = testbed;
    const { driver, metadata } = await testbed.party('client');
    const cmc = await createCmc({ metadataRoots, measurers: [driver], metadata });
    onTestFinished(async () => await cmc[Symbol.asyncDispose]());
    const agent = new Agent({ ca: tls.ca, ...tls.client, cmc, mtls: true });
    onTestFinished(() => agent.destroy());
    const call = request({ host: 'localhost', port, path: '/', agent }).end();
    const [response] = await once(call, 'response');
    expect(response.headers['content-type']).toBe('application/json');
    expect(JSON.parse(await text(response))).toStrictEqual({
      peer: expect.stringMatching(/^[0-9a-f]{64}$/),
      mode: 'mutual',
    });
  });
});

describe('is refused, logged, and others are served afterwards: a client', () => {
  test('whose metadata was changed', async () => {
    const { start } = await createSite();
    const { program, dial } = await start();
    expect(await dial('tampered')).toMatchObject({ code: 'ERR_ATLS_PEER_REPORTED' });
    const { error } = await program.logged('refused a connection');
    expect(error).toMatchObject({ code: 'ERR_ATLS_PEER_ATTESTATION' });
    expect(await program.logged('verified a peer')).toMatchObject({ verdict: 'fail' });
    expect(await dial()).toMatchObject({ code: 'connected' });
  });

  test('of another mode', async () => {
    const { start } = await createSite();
    const { program, dial } = await start('--attest', 'server');
    expect(await dial('good', { attest: 'none' })).toMatchObject({
      code: 'ERR_ATLS_MODE_MISMATCH',
    });
    await program.logged('refused a connection');
    expect(await dial('good', { attest: 'server' })).toMatchObject({ code: 'connected' });
  });

  test('without a certificate, where the flag says that it must have one', async () => {
    const { start } = await createSite();
    const { program, dial } = await start('--mtls');
    const { code } = await dial('good', { cert: undefined, key: undefined });
    expect(code).not.toBe('connected');
    await program.logged('a TLS handshake failed');
    expect(await dial()).toMatchObject({ code: 'connected' });
  });

  test('that a policy does not accept', async () => {
    const { folder, start } = await createSite();
    writeFileSync(join(folder, 'policy.js'), 'false');
    const { program, dial } = await start('--policies', join(folder, 'policy.js'));
    expect(await dial()).toMatchObject({ code: 'ERR_ATLS_PEER_REPORTED' });
    const { error } = await program.logged('refused a connection');
    expect(error).toMatchObject({ code: 'ERR_ATLS_PEER_ATTESTATION' });
  });

  test('that does not speak TLS', async () => {
    const { start } = await createSite();
    const { port, program, dial } = await start();
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.0\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    await program.logged('a TLS handshake failed');
    expect(await dial()).toMatchObject({ code: 'connected' });
  });
});

describe('stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s it ends its connections and exits with 0',
    async (signal) => {
      const { start } = await createSite();
      const { program, port, dial } = await start();
      const { socket } = await dial();
      const closed = once(socket, 'close');
      socket.resume();
      expect(await program.stop(signal)).toBe(0);
      await closed;
      await program.logged('stopped');
      const again = connectTcp(port, '127.0.0.1');
      const [error] = await once(again, 'error');
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    },
  );
});
