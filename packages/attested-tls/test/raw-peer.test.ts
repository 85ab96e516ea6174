import { describe, expect, test } from 'vitest';
import type { AttestedSocket, AttestedTlsError } from '../src/index.ts';
import { codeOf, pairWithRaw } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import {
  type Encoding,
  encodeRaw,
  frame,
  type RawMessage,
  type RawPeer,
} from './support/raw-peer.ts';

const MUTUAL = 0;

/** What our side said, in order, until it closed. */
async function replies(raw: RawPeer, ...kinds: ('request' | 'response' | 'complete')[]) {
  const messages: (RawMessage | undefined)[] = [];
  for (const kind of kinds) messages.push(await raw.receive(kind));
  return messages;
}

const CASES = (['client', 'server'] as const).flatMap((ours) =>
  (['json', 'cbor'] as const).map((encoding) => ({ ours, encoding })),
);

describe.each(CASES)(
  'our $ours, a peer of the reference that speaks $encoding',
  ({ ours, encoding }) => {
    async function meet(options: Parameters<typeof pairWithRaw>[1] = {}) {
      const pair = await pairWithRaw(ours, options);
      pair.raw.encoding = encoding as Encoding;
      return pair;
    }
    const refused = async (
      outcome: Promise<object>,
      code: string,
      details: Partial<AttestedTlsError> = {},
    ): Promise<void> => {
      const end = await outcome;
      expect(codeOf(end)).toBe(code);
      expect(end).toMatchObject(details);
    };

    test('completes with exactly the messages of the specification', async () => {
      const { raw, outcome } = await meet();
      const [request, response, complete] = await raw.handshake(MUTUAL, true);
      expect(request).toEqual({
        version: '1.3.0',
        attest: MUTUAL,
        bindings: ['spki-v1', 'key-v1'],
      });
      expect(Object.keys(response as object)).toEqual(['version', 'report']);
      expect(complete).toEqual({ version: '1.3.0', success: true });
      const end = await outcome;
      expect(codeOf(end)).toBe('connected');
      expect(end).toMatchObject({ attestation: { keyBinding: 'exporter' } });
    });

    test.each([
      [1, 'client'],
      [2, 'server'],
      [3, 'none'],
    ] as const)('completes with mode number %i', async (number, attest) => {
      const { raw, outcome } = await meet({ attest });
      const [request, response] = await raw.handshake(number, attest === raw.role);
      expect(request).toMatchObject({ attest: number });
      expect('report' in (response as object)).toBe(attest === ours);
      expect(codeOf(await outcome)).toBe('connected');
    });

    test('binds its report to the exporter of its role', async () => {
      const cmc = fakeCmc();
      const { raw, outcome } = await meet({ cmc });
      await raw.handshake(MUTUAL, true);
      await outcome;
      expect(cmc.calls).toContainEqual({
        operation: 'attest',
        request: { nonce: raw.exporter(ours), cached: [] },
      });
      expect(cmc.calls.find(({ operation }) => operation === 'verify')?.request).toMatchObject({
        nonce: raw.exporter(raw.role),
      });
    });

    test('accepts messages split into single bytes and joined into one write', async () => {
      const { raw, outcome } = await meet();
      raw.socket.setNoDelay(true);
      const request = await raw.receiveBody();
      expect(request).toBeDefined();
      for (const byte of frame(encode(raw, 'request', { attest: MUTUAL }))) {
        raw.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
      raw.write(
        Buffer.concat([
          frame(encode(raw, 'response', { report: raw.report() })),
          frame(encode(raw, 'complete', { success: true })),
        ]),
      );
      expect(codeOf(await outcome)).toBe('connected');
    });

    test('ignores members that it does not know', async () => {
      const { raw, outcome } = await meet();
      raw.write(frame(encode(raw, 'request', { attest: MUTUAL }, { extendedReport: false })));
      raw.send('response', { report: raw.report() });
      raw.send('complete', { success: true });
      expect(codeOf(await outcome)).toBe('connected');
    });

    test('refuses a report that did not pass, with the result, and says so', async () => {
      const { raw, outcome } = await meet();
      raw.send('request', { attest: MUTUAL });
      raw.send('response', { report: raw.report('bad software') });
      raw.send('complete', { success: true });
      const [, , complete] = await replies(raw, 'request', 'response', 'complete');
      expect(complete?.success).toBe(false);
      expect(complete?.error).toMatch(/^ERR_ATLS_PEER_ATTESTATION: /);
      await refused(outcome, 'ERR_ATLS_PEER_ATTESTATION', { phase: 'verify' });
      expect((await outcome) as AttestedTlsError).toMatchObject({
        result: { summary: { status: 'fail' } },
      });
    });

    test('fires onResult with a failed result too', async () => {
      const statuses: string[] = [];
      const onResult = ({ summary }: { summary: { status: string } }): void => {
        statuses.push(summary.status);
      };
      const { raw, outcome } = await meet({ onResult });
      raw.send('request', { attest: MUTUAL });
      raw.send('response', { report: raw.report('bad software') });
      await outcome;
      expect(statuses).toEqual(['fail']);
    });

    test('accepts a warning', async () => {
      const { raw, outcome } = await meet({ cmc: fakeCmc({ status: 'warn' }) });
      await raw.handshake(MUTUAL, true);
      expect(await outcome).toMatchObject({
        attestation: { result: { summary: { status: 'warn' } } },
      });
    });

    test.each(['', 'SUCCESS', 'ok', 'unknown'])(
      'refuses a result of status "%s"',
      async (status) => {
        const { raw, outcome } = await meet({ cmc: fakeCmc({ status }) });
        raw.send('request', { attest: MUTUAL });
        raw.send('response', { report: raw.report() });
        await refused(outcome, 'ERR_ATLS_PEER_ATTESTATION');
      },
    );

    test('refuses a missing and an empty report when the peer must attest itself', async () => {
      for (const response of [{}, { report: new Uint8Array() }]) {
        const { raw, outcome } = await meet();
        raw.send('request', { attest: MUTUAL });
        raw.send('response', response);
        await refused(outcome, 'ERR_ATLS_PROTOCOL', { phase: 'attest' });
      }
    });

    test('refuses another mode and still sends Request and Complete', async () => {
      const { raw, outcome } = await meet();
      raw.send('request', { attest: 3 });
      const [request, complete] = await replies(raw, 'request', 'complete');
      expect(request?.attest).toBe(MUTUAL);
      expect(complete?.error).toMatch(/^ERR_ATLS_MODE_MISMATCH: /);
      await refused(outcome, 'ERR_ATLS_MODE_MISMATCH', { phase: 'request' });
    });

    test.each(['request', 'response', 'complete'] as const)(
      'refuses another version in the %s',
      async (wrong) => {
        const { raw, outcome } = await meet();
        const version = (kind: string) => (kind === wrong ? { version: '1.2.0' } : {});
        raw.send('request', { attest: MUTUAL, ...version('request') });
        raw.send('response', { report: raw.report(), ...version('response') });
        raw.send('complete', { success: true, ...version('complete') });
        await refused(outcome, 'ERR_ATLS_VERSION');
      },
    );

    test('gives up when the response carries an error', async () => {
      const { raw, outcome } = await meet();
      raw.send('request', { attest: MUTUAL });
      raw.send('response', { error: 'no TPM\nhere' });
      await refused(outcome, 'ERR_ATLS_PEER_REPORTED', {
        phase: 'attest',
        reason: 'no TPM\ufffdhere',
      });
    });

    test.each([
      ['request', 'request'],
      ['response', 'attest'],
      ['complete', 'complete'],
    ] as const)('takes a failed Complete in place of the %s as giving up', async (when, phase) => {
      const { raw, outcome } = await meet();
      if (when !== 'request') raw.send('request', { attest: MUTUAL });
      if (when === 'complete') raw.send('response', { report: raw.report() });
      raw.send('complete', { success: false, error: 'changed my mind' });
      await refused(outcome, 'ERR_ATLS_PEER_REPORTED', { phase, reason: 'changed my mind' });
    });

    test.each(['request', 'response'] as const)(
      'refuses a successful Complete in place of the %s',
      async (when) => {
        const { raw, outcome } = await meet();
        if (when === 'response') raw.send('request', { attest: MUTUAL });
        raw.send('complete', { success: true });
        await refused(outcome, 'ERR_ATLS_PROTOCOL');
      },
    );

    test('tells the peer of a failed daemon in the Response, and ends at once', async () => {
      const before = (operation: string): void => {
        if (operation === 'attest') throw new Error('/secret/path is gone');
      };
      const { raw, outcome } = await meet({ cmc: fakeCmc({ before }) });
      raw.send('request', { attest: MUTUAL });
      const [, response, complete] = await replies(raw, 'request', 'response', 'complete');
      expect(response).toEqual({
        version: '1.3.0',
        error: 'ERR_ATLS_CMC: the own daemon failed in Attest',
      });
      expect(complete?.success).toBe(false);
      await refused(outcome, 'ERR_ATLS_CMC', { phase: 'attest' });
      expect((await outcome) as Error).toMatchObject({
        cause: { message: '/secret/path is gone' },
      });
    });

    test.each(['peerCache', 'verify'] as const)(
      'sends a failed Complete when the daemon fails in %s',
      async (operation) => {
        const before = (name: string): void => {
          if (name === operation) throw new Error('broken');
        };
        const { raw, outcome } = await meet({ cmc: fakeCmc({ before }) });
        raw.send('request', { attest: MUTUAL });
        raw.send('response', { report: raw.report() });
        const kinds = operation === 'verify' ? (['request', 'response'] as const) : [];
        const messages = await replies(raw, ...kinds, 'complete');
        expect(messages.at(-1)?.error).toMatch(/^ERR_ATLS_CMC: /);
        await refused(outcome, 'ERR_ATLS_CMC');
      },
    );

    test.each([
      [
        'throws',
        (): never => {
          throw new Error('not on the list');
        },
      ],
      ['rejects', () => Promise.reject(new Error('not on the list'))],
    ])('refuses the peer when onResult %s', async (_, onResult) => {
      const { raw, outcome } = await meet({ onResult });
      raw.send('request', { attest: MUTUAL });
      raw.send('response', { report: raw.report() });
      const messages = await replies(raw, 'request', 'response', 'complete');
      expect(messages[2]?.success).toBe(false);
      await refused(outcome, 'ERR_ATLS_CALLBACK');
    });

    test.each(['request', 'attest', 'complete'] as const)(
      'reports a connection that is closed in phase %s',
      async (phase) => {
        for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
          const { raw, outcome } = await meet();
          await raw.receive('request');
          if (phase !== 'request') raw.send('request', { attest: MUTUAL });
          if (phase !== 'request') await raw.receive('response');
          if (phase === 'complete') raw.send('response', { report: raw.report() });
          if (phase === 'complete') await raw.receive('complete');
          if (how === 'resetAndDestroy') raw.transport.resetAndDestroy();
          else raw.socket[how]();
          await refused(outcome, 'ERR_ATLS_CLOSED');
        }
      },
    );

    test('reports a connection that is closed within a message', async () => {
      const { raw, outcome } = await meet();
      const message = frame(encode(raw, 'request', { attest: MUTUAL }));
      raw.socket.end(message.subarray(0, -1));
      await refused(outcome, 'ERR_ATLS_CLOSED');
    });

    test.each([
      ['an empty message', Buffer.alloc(4), 'ERR_ATLS_PROTOCOL'],
      ['a length of 4 GiB', Buffer.alloc(4, 0xff), 'ERR_ATLS_LIMIT'],
      ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'ERR_ATLS_LIMIT'],
      ['no JSON', frame(Buffer.from('{"version":')), 'ERR_ATLS_PROTOCOL'],
      ['no CBOR map', frame(Buffer.from([0x81, 0x00])), 'ERR_ATLS_PROTOCOL'],
      ['a text', frame(Buffer.from('"1.3.0"')), 'ERR_ATLS_PROTOCOL'],
      [
        'bytes behind the message',
        frame(Buffer.from('{"version":"1.3.0","attest":0}x')),
        'ERR_ATLS_PROTOCOL',
      ],
      [
        'a duplicate key',
        frame(Buffer.from('{"version":"1.3.0","attest":0,"attest":0}')),
        'ERR_ATLS_PROTOCOL',
      ],
      [
        'a key in another case',
        frame(Buffer.from('{"version":"1.3.0","attest":0,"Attest":3}')),
        'ERR_ATLS_PROTOCOL',
      ],
      ['no mode', frame(Buffer.from('{"version":"1.3.0"}')), 'ERR_ATLS_PROTOCOL'],
      [
        'a negative mode',
        frame(Buffer.from('{"version":"1.3.0","attest":-1}')),
        'ERR_ATLS_PROTOCOL',
      ],
      [
        'no mode number',
        frame(Buffer.from('{"version":"1.3.0","attest":"0"}')),
        'ERR_ATLS_PROTOCOL',
      ],
      [
        'a digest that is none',
        frame(Buffer.from('{"version":"1.3.0","attest":0,"cached":["../x"]}')),
        'ERR_ATLS_PROTOCOL',
      ],
    ])('refuses %s as Request', async (_, bytes, code) => {
      const { raw, outcome } = await meet();
      raw.write(bytes);
      const messages = await replies(raw, 'request', 'complete');
      expect(messages[1]?.success).toBe(false);
      await refused(outcome, code);
    });

    test('refuses too many cached digests', async () => {
      const { raw, outcome } = await meet();
      raw.send('request', { attest: MUTUAL, cached: new Array(4097).fill('ab') });
      await refused(outcome, 'ERR_ATLS_LIMIT');
    });

    test('exchanges reports of 3 MiB in both directions at the same time', async () => {
      const padding = 3 * 1024 * 1024;
      const { raw, outcome } = await meet({ cmc: fakeCmc({ padding }) });
      await raw.receiveBody();
      raw.socket.pause();
      raw.send('request', { attest: MUTUAL });
      const report = Buffer.concat([raw.report(), Buffer.alloc(padding, 0x55)]);
      // As the reference does it: everything is written before anything is read.
      const written = new Promise((resolve) => {
        raw.socket.write(frame(encode(raw, 'response', { report })), resolve);
      });
      await written;
      raw.socket.resume();
      expect((await raw.receive('response'))?.report?.length).toBeGreaterThan(padding);
      raw.send('complete', { success: true });
      expect(codeOf(await outcome)).toBe('connected');
    });
  },
);

test('a socket of a server has no listener of the handshake on it', async () => {
  const { raw, outcome } = await pairWithRaw('server');
  await raw.handshake(MUTUAL, true);
  const socket = (await outcome) as AttestedSocket;
  expect(socket.listenerCount('readable')).toBe(0);
});

function encode(
  raw: RawPeer,
  kind: 'request' | 'response' | 'complete',
  message: RawMessage,
  more = {},
) {
  return encodeRaw(kind, { version: '1.3.0', ...message, ...more }, raw.encoding);
}
