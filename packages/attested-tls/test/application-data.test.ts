import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AttestedSocket } from '../src/index.ts';
import { codeOf, dial, outcomeOf, pairWithRaw, serve } from './support/ends.ts';
import { encodeRaw, frame, listenRaw, type RawPeer } from './support/raw-peer.ts';

const MUTUAL = 0;

async function textOf(socket: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Everything a good peer sends up to, and with, its Complete. */
function wholeHandshake(raw: RawPeer): Buffer {
  const message = (kind: 'request' | 'response' | 'complete', members: object): Buffer =>
    frame(encodeRaw(kind, { version: '1.3.0', ...members }, raw.encoding));
  return Buffer.concat([
    message('request', { attest: MUTUAL }),
    message('response', { report: raw.report() }),
    message('complete', { success: true }),
  ]);
}

describe.each(['client', 'server'] as const)('our %s', (ours) => {
  test('delivers what came in one piece with the Complete, and the end behind it', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.socket.end(Buffer.concat([wholeHandshake(raw), Buffer.from('right behind')]));
    expect(await textOf((await outcome) as AttestedSocket)).toBe('right behind');
  });

  test('delivers the end that came right behind the Complete', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.socket.end(wholeHandshake(raw));
    const socket = (await outcome) as AttestedSocket;
    await wait(20);
    expect(await textOf(socket)).toBe('');
  });

  test('delivers 1 MiB behind the Complete in order, to a reader that comes late', async () => {
    const data = Buffer.from(
      Array.from({ length: 262_144 }, (_, i) => `${i % 997}`.padStart(4)).join(''),
    );
    const { raw, outcome } = await pairWithRaw(ours);
    raw.socket.end(Buffer.concat([wholeHandshake(raw), data]));
    const socket = (await outcome) as AttestedSocket;
    await wait(50);
    expect(Buffer.from(await textOf(socket)).equals(data)).toBe(true);
  });

  test.each(['data', 'readable', 'pipe'] as const)(
    'delivers to a listener of %s attached at once',
    async (how) => {
      const { raw, outcome } = await pairWithRaw(ours);
      const received = outcome.then(async (end) => {
        const socket = end as AttestedSocket;
        let text = '';
        if (how === 'data') socket.on('data', (chunk) => (text += chunk));
        if (how === 'readable') {
          socket.on('readable', () => {
            for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) text += chunk;
          });
        }
        if (how === 'pipe') {
          const sink = new PassThrough();
          sink.on('data', (chunk) => (text += chunk));
          socket.pipe(sink);
        }
        await once(socket, 'end');
        return text;
      });
      raw.write(Buffer.concat([wholeHandshake(raw), Buffer.from('one ')]));
      await wait(20);
      raw.socket.end('two');
      expect(await received).toBe('one two');
    },
  );

  test('R45 delivers nothing before the Complete of the peer', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    const whole = wholeHandshake(raw);
    raw.write(whole.subarray(0, -1));
    expect(await Promise.race([outcome, wait(100, 'not yet')])).toBe('not yet');
    raw.write(whole.subarray(-1));
    expect(codeOf(await outcome)).toBe('connected');
  });

  test('R45 takes application data in place of any message for a violation', async () => {
    for (const messages of [0, 1, 2]) {
      const { raw, outcome } = await pairWithRaw(ours);
      raw.send('request', { attest: MUTUAL });
      if (messages > 0) raw.send('response', { report: raw.report() });
      raw.write(Buffer.from('\0\0\0\x05hello'));
      expect(codeOf(await outcome)).toBe('ERR_ATLS_PROTOCOL');
    }
  });
});

describe('what a client writes early', () => {
  async function writeEarly(...texts: readonly string[]) {
    const { port, server, accept } = await listenRaw({ requestCert: true });
    const client = dial(port);
    const written = texts.map(
      (text) =>
        new Promise<string>((resolve) => {
          client.write(text, (error) => resolve(codeOf(error ?? {})));
        }),
    );
    const outcome = outcomeOf(client);
    const raw = await accept();
    onTestFinished(() => {
      raw.socket.destroy();
      server.close();
    });
    return { client, raw, outcome, written };
  }

  test('R45 is sent when both have completed, not before', async () => {
    const { client, raw, outcome, written } = await writeEarly('one ', 'two ');
    client.end('three');
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    await raw.receive('request');
    await raw.receive('response');
    expect(await raw.receive('complete')).toMatchObject({ success: true });
    const application = raw.drain();
    expect(await Promise.race([application, wait(100, 'nothing')])).toBe('nothing');
    raw.send('complete', { success: true });
    expect((await application).toString()).toBe('one two three');
    expect(codeOf(await outcome)).toBe('connected');
    expect(await Promise.all(written)).toEqual(['connected', 'connected']);
  });

  test('R45 is never sent when the peer does not pass', async () => {
    const { raw, outcome, written } = await writeEarly('secret');
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report('bad software') });
    raw.send('complete', { success: true });
    await raw.receive('request');
    await raw.receive('response');
    await raw.receive('complete');
    expect(await raw.drain()).toHaveLength(0);
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
    expect(await Promise.all(written)).toEqual(['ERR_ATLS_PEER_ATTESTATION']);
  });

  test('R45 is never sent when the peer does not accept us', async () => {
    const { raw, outcome } = await writeEarly('secret');
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    raw.send('complete', { success: false, error: 'no' });
    await raw.receive('request');
    await raw.receive('response');
    await raw.receive('complete');
    expect(await raw.drain()).toHaveLength(0);
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_REPORTED');
  });

  test('R45 is not sent by TLS within TLS that begins too early', async () => {
    const { client, raw } = await writeEarly();
    const inner = connectTls({ socket: client, rejectUnauthorized: false });
    inner.on('error', () => {});
    onTestFinished(() => {
      inner.destroy();
    });
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: raw.report() });
    await raw.receive('request');
    await raw.receive('response');
    await raw.receive('complete');
    const application = raw.read(1);
    expect(await Promise.race([application, wait(100, 'nothing')])).toBe('nothing');
    raw.send('complete', { success: true });
    expect((await application)[0]).toBe(0x16);
  });

  test('waits within the bounds of the buffer of a stream', async () => {
    const { port, next } = await serve();
    const client = dial(port);
    expect(client.write(Buffer.alloc(1024 * 1024))).toBe(false);
    const server = (await next()) as AttestedSocket;
    await once(client, 'drain');
    client.end();
    expect(await textOf(server)).toHaveLength(1024 * 1024);
  });
});
