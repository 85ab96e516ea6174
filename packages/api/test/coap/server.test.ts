import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { CmcError, concatBytes, decodeUtf8, encodeUtf8, fromHex } from '@cmc/bytes';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../src/api-server.ts';
import type { CmcClient } from '../../src/client.ts';
import type { Cmc } from '../../src/cmc.ts';
import { createCoapClient } from '../../src/coap/client.ts';
import { formatCode } from '../../src/coap/codes.ts';
import { plainBytes } from '../../src/coap/datagram.ts';
import { type CoapMessage, decodeMessage, encodeMessage } from '../../src/coap/message.ts';
import { blockOption, electiveUint, OPTION, textOption } from '../../src/coap/options.ts';
import { serveCoap } from '../../src/coap/server.ts';
import { operations } from '../../src/operations.ts';
import { fakeCmc } from '../fake-cmc.ts';
import { pattern } from './endpoint.ts';
import { startLossyProxy } from './lossy-proxy.ts';

const NONCE = pattern(16);
const open: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function serve(cmc: Cmc = fakeCmc(), address = '127.0.0.1:0'): Promise<ApiServer> {
  const server = await serveCoap(cmc, { address });
  open.push(() => server.close({ graceMs: 0 }));
  return server;
}

function connect(address: string, timeoutMs = 10_000): CmcClient {
  const client = createCoapClient({ address, timeoutMs, transmission: { ackTimeoutMs: 30 } });
  open.push(() => client.close());
  return client;
}

function udpSocket(): Socket {
  const socket = createSocket('udp4');
  open.push(() => socket.close());
  return socket;
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** Sends one request from a socket of its own and gives the answer. */
async function ask(server: ApiServer, message: Partial<CoapMessage>): Promise<CoapMessage> {
  const socket = udpSocket();
  const datagram = encodeMessage({
    type: 'con',
    code: 2,
    messageId: 1,
    token: fromHex('01'),
    options: [],
    payload: new Uint8Array(),
    ...message,
  });
  socket.send(datagram, portOf(server.address), '127.0.0.1');
  const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
  return decodeMessage(plainBytes(answer));
}

describe('serveCoap', () => {
  test.each(['unix:///run/cmcd.sock', '/run/cmcd.sock'])('refuses %s', async (address) => {
    await expect(serve(fakeCmc(), address)).rejects.toMatchObject({ code: 'ERR_API_ADDRESS' });
    expect(() => connect(address)).toThrow(expect.objectContaining({ code: 'ERR_API_ADDRESS' }));
  });

  test('refuses a port that is taken', async () => {
    const { address } = await serve();
    await expect(serve(fakeCmc(), address)).rejects.toMatchObject({ code: 'ERR_API_ADDRESS' });
  });

  test('serves on IPv6', async () => {
    const server = await serve(fakeCmc(), '[::1]:0');
    expect(server.address).toMatch(/^\[::1\]:\d+$/);
    expect(await connect(server.address).updateCerts()).toEqual({ success: true });
  });

  test('is found at any address that localhost has', async () => {
    for (const { address } of await lookup('localhost', { all: true })) {
      const server = await serve(
        fakeCmc(),
        address.includes(':') ? `[${address}]:0` : `${address}:0`,
      );
      const client = connect(`localhost:${portOf(server.address)}`);
      expect(await client.updateCerts()).toEqual({ success: true });
    }
  });

  test.each([
    ['a body that is nothing', '4.00', 'ERR_API_REQUEST', encodeUtf8('{')],
    ['no body', '4.00', 'ERR_API_REQUEST', new Uint8Array()],
    ['a short nonce', '4.00', 'ERR_API_REQUEST', encodeUtf8('{"version":"1.4.0","nonce":"AQI="}')],
    [
      'another major version',
      '4.15',
      'ERR_API_VERSION',
      encodeUtf8('{"version":"2.0.0","nonce":"AQIDBAUGBwg="}'),
    ],
  ])('answers %s with %s and a coded text', async (_name, code, errorCode, payload) => {
    const options = [textOption(OPTION.URI_PATH, 'Attest')];
    const answer = await ask(await serve(), { options, payload });
    expect(formatCode(answer.code)).toBe(code);
    expect(electiveUint(answer, OPTION.CONTENT_FORMAT)).toBe(0);
    expect(decodeUtf8(answer.payload)).toMatch(new RegExp(`^${errorCode}: `));
  });

  test('answers an error of the daemon with 5.00, its text cut to one datagram', async () => {
    const attest = (): never => {
      throw new CmcError('ERR_SAMPLE_LONG', 'ü'.repeat(3000));
    };
    const answer = await ask(await serve(fakeCmc({ attest })), {
      options: [textOption(OPTION.URI_PATH, 'Attest')],
      payload: operations.attest.request.encode({ nonce: NONCE }, 'json'),
    });
    expect(formatCode(answer.code)).toBe('5.00');
    expect(answer.payload).toHaveLength(1023);
    expect(decodeUtf8(answer.payload)).toMatch(/^ERR_SAMPLE_LONG: ü+$/);
  });

  test.each([
    ['json', 50],
    ['cbor', 60],
  ] as const)('answers %s in %s with its content format', async (serialization, format) => {
    const answer = await ask(await serve(), {
      options: [textOption(OPTION.URI_PATH, 'Attest')],
      payload: operations.attest.request.encode({ nonce: NONCE }, serialization),
    });
    expect(formatCode(answer.code)).toBe('2.05');
    expect(electiveUint(answer, OPTION.CONTENT_FORMAT)).toBe(format);
    const { value } = operations.attest.response.decode(answer.payload);
    expect(value.report).toEqual(NONCE);
  });

  test('does not run a call twice for a repeated datagram', async () => {
    const cmc = fakeCmc();
    const server = await serve(cmc);
    const socket = udpSocket();
    const datagram = encodeMessage({
      type: 'con',
      code: 2,
      messageId: 9,
      token: fromHex('aa'),
      options: [textOption(OPTION.URI_PATH, 'UpdateCerts')],
      payload: operations.updateCerts.request.encode({}, 'cbor'),
    });
    const answers: string[] = [];
    socket.on('message', (answer) => answers.push(answer.toString('hex')));
    for (let i = 0; i < 3; i++) {
      socket.send(datagram, portOf(server.address), '127.0.0.1');
      await once(socket, 'message');
    }
    expect(new Set(answers).size).toBe(1);
    expect(cmc.calls).toHaveLength(1);
  });

  test('R46 serves a good peer while 500 others have sent one block and stay silent', async () => {
    const server = await serve();
    const silent = encodeMessage({
      type: 'con',
      code: 2,
      messageId: 1,
      token: fromHex('01'),
      options: [
        textOption(OPTION.URI_PATH, 'Verify'),
        blockOption(OPTION.BLOCK1, { num: 0, more: true, szx: 6 }),
      ],
      payload: pattern(1024),
    });
    const sockets = Array.from({ length: 500 }, udpSocket);
    for (const socket of sockets) {
      socket.send(silent, portOf(server.address), '127.0.0.1');
      await once(socket, 'message');
    }
    const { report } = await connect(server.address).attest({ nonce: NONCE });
    expect(report).toEqual(NONCE);
    const verified = await connect(server.address).verify({
      nonce: NONCE,
      report: pattern(100_000),
    });
    expect(verified.result.summary.status).toBeDefined();
  });

  test.each([1, 2, 3])(
    'works over a bad network (seed %i)',
    async (seed) => {
      const report = pattern(100_000);
      const cmc = fakeCmc({ attest: async () => ({ report }) });
      const server = await serve(cmc);
      const faults = { lose: 0.05, duplicate: 0.1, delay: 0.1 };
      const proxy = await startLossyProxy(server.address, faults, seed);
      open.push(proxy.close);
      const client = connect(proxy.address, 20_000);
      expect(Buffer.compare((await client.attest({ nonce: NONCE })).report, report)).toBe(0);
      await client.verify({ nonce: NONCE, report });
      const { request } = cmc.calls[1] as unknown as { request: { report: Uint8Array } };
      expect(Buffer.compare(request.report, report)).toBe(0);
      expect(cmc.calls).toHaveLength(2);
      expect(proxy.disturbed()).toBeGreaterThan(20);
    },
    60_000,
  );
});

describe('createCoapClient', () => {
  /** A server that answers each datagram with what `answer` makes of it. */
  async function fakeServer(
    answer: (message: CoapMessage) => readonly (Uint8Array | Partial<CoapMessage>)[],
  ): Promise<{ address: string; received: CoapMessage[] }> {
    const socket = udpSocket();
    const received: CoapMessage[] = [];
    socket.on('message', (datagram, { port }) => {
      const message = decodeMessage(datagram);
      received.push(message);
      for (const part of answer(message)) {
        const { token, messageId } = message;
        const bytes =
          part instanceof Uint8Array
            ? part
            : encodeMessage({
                type: 'ack',
                code: 0x45,
                messageId,
                token,
                options: [],
                payload: new Uint8Array(),
                ...part,
              });
        socket.send(bytes, port, '127.0.0.1');
      }
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return { address: `127.0.0.1:${socket.address().port}`, received };
  }
  const success = operations.updateCerts.response.encode({ success: true }, 'cbor');
  const none = new Uint8Array();

  test('says at once that nobody is there', async () => {
    const { address } = await fakeServer(() => []);
    for (const close of open.splice(0)) await close();
    const started = performance.now();
    await expect(connect(address).updateCerts()).rejects.toMatchObject({
      code: 'ERR_API_UNAVAILABLE',
    });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('takes a confirmable response before the acknowledgement', async () => {
    const { address, received } = await fakeServer(({ type, token }) => {
      if (type !== 'con') return [];
      const response = { type: 'con', messageId: 77, token, payload: success } as const;
      return [response, { type: 'ack', code: 0, token: none }];
    });
    expect(await connect(address).updateCerts()).toEqual({ success: true });
    await vi.waitFor(() => expect(received.map((m) => m.type)).toEqual(['con', 'ack']));
    expect(received[1]).toMatchObject({ code: 0, messageId: 77 });
  });

  test.each<
    [string, string, (message: CoapMessage) => readonly (Uint8Array | Partial<CoapMessage>)[]]
  >([
    ['a reset', 'ERR_API_PROTOCOL', () => [{ type: 'rst', code: 0, token: none }]],
    ['another token', 'ERR_API_PROTOCOL', () => [{ token: fromHex('00') }]],
    ['a body that is nothing', 'ERR_API_PROTOCOL', () => [{ payload: fromHex('ff') }]],
    [
      'size exponent 7',
      'ERR_API_PROTOCOL',
      () => [{ options: [{ number: OPTION.BLOCK2, value: fromHex('07') }], payload: success }],
    ],
    ['2.04', 'ERR_API_REMOTE', () => [{ code: 0x44, payload: success }]],
    ['an error without text', 'ERR_API_REMOTE', () => [{ code: 0x84 }]],
    ['nothing but garbage', 'ERR_API_TIMEOUT', () => [fromHex('60'), fromHex('4d020001')]],
    ['an acknowledgement and no response', 'ERR_API_TIMEOUT', () => [{ code: 0, token: none }]],
    [
      'responses to others',
      'ERR_API_TIMEOUT',
      ({ messageId }) => [
        { messageId: messageId ^ 1, payload: success },
        { type: 'non', messageId: 5, token: fromHex('00'), payload: success },
      ],
    ],
  ])('fails on %s', async (_name, code, answer) => {
    const { address } = await fakeServer(answer);
    await expect(connect(address, 400).updateCerts()).rejects.toMatchObject({ code });
  });

  test('resets a confirmable response that it did not wait for', async () => {
    const { address, received } = await fakeServer(({ type }) =>
      type === 'con' ? [{ type: 'con', messageId: 5, token: fromHex('00') }] : [],
    );
    await expect(connect(address, 300).updateCerts()).rejects.toThrow();
    expect(received).toContainEqual(expect.objectContaining({ type: 'rst', messageId: 5 }));
  });

  test('takes the text of an error as it is, whatever its bytes', async () => {
    const { address } = await fakeServer(() => [
      { code: 0xa0, payload: concatBytes(encodeUtf8('ERR_SAMPLE_X: a\u001b[1m'), fromHex('ff')) },
    ]);
    await expect(connect(address).updateCerts()).rejects.toMatchObject({
      code: 'ERR_API_REMOTE',
      remoteCode: 'ERR_SAMPLE_X',
      message: 'ERR_SAMPLE_X: a [1m\ufffd',
    });
  });

  test('uses another port and another token for every call', async () => {
    const { address, received } = await fakeServer(() => [{ payload: success }]);
    const client = connect(address);
    await Promise.all([client.updateCerts(), client.updateCerts(), client.updateMetadata()]);
    const tokens = received.map((m) => Buffer.from(m.token).toString('hex'));
    expect(new Set(tokens).size).toBe(3);
    expect(tokens.every((token) => token.length === 16)).toBe(true);
  });
});
