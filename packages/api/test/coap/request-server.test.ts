import { decodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ServerResponse } from '../../src/coap/block-server.ts';
import { CODE, formatCode } from '../../src/coap/codes.ts';
import { createPeer, type Peer } from '../../src/coap/datagram.ts';
import {
  type CoapMessage,
  type CoapOption,
  decodeMessage,
  encodeMessage,
} from '../../src/coap/message.ts';
import {
  block,
  blockOption,
  CONTENT_FORMAT,
  OPTION,
  textOption,
  uintOption,
} from '../../src/coap/options.ts';
import {
  MAX_CALL_BYTES,
  MAX_TRANSFERS_PER_PEER,
  PIGGYBACK_MS,
  TRANSFER_IDLE_MS,
} from '../../src/coap/parameters.ts';
import { RequestServer } from '../../src/coap/request-server.ts';
import { pattern } from './endpoint.ts';
import { CLIENT } from './link.ts';

const none = new Uint8Array();
const MAX_BYTES = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface RawRequest {
  readonly type?: 'con' | 'non';
  readonly code?: number;
  readonly token?: string;
  readonly path?: readonly string[];
  readonly options?: readonly CoapOption[];
  readonly payload?: Uint8Array;
  readonly peer?: Peer;
}

function setup(respond: (body: Uint8Array) => Uint8Array = (body) => body) {
  const bodies: Uint8Array[] = [];
  const sent: CoapMessage[] = [];
  let messageId = 0;
  const server = new RequestServer({
    resources: new Map([['/Echo', MAX_BYTES]]),
    handle: async (_path, body): Promise<ServerResponse> => {
      bodies.push(body);
      return {
        code: CODE.CONTENT,
        contentFormat: CONTENT_FORMAT.JSON,
        payload: respond(body),
      };
    },
    send: (datagram) => sent.push(decodeMessage(datagram)),
  });
  /** Sends a request, gives what the server sent because of it. */
  const ask = async (raw: RawRequest): Promise<CoapMessage[]> => {
    const before = sent.length;
    const path = (raw.path ?? ['Echo']).map((segment) => textOption(OPTION.URI_PATH, segment));
    const datagram = encodeMessage({
      type: raw.type ?? 'con',
      code: raw.code ?? CODE.POST,
      messageId: messageId++,
      token: fromHex(raw.token ?? '01'),
      options: [...path, ...(raw.options ?? [])],
      payload: raw.payload ?? none,
    });
    server.receive(datagram, raw.peer ?? CLIENT);
    await vi.advanceTimersByTimeAsync(1);
    return sent.slice(before);
  };
  /** Code of the only answer to a request. */
  const codeOf = async (raw: RawRequest): Promise<string> => {
    const [answer, ...more] = await ask(raw);
    expect(more).toHaveLength(0);
    expect(answer?.type).toBe('ack');
    return formatCode(answer?.code ?? 0);
  };
  return { ask, codeOf, bodies };
}

const block1 = (num: number, more: boolean, szx = 6): CoapOption =>
  blockOption(OPTION.BLOCK1, { num, more, szx });
const block2 = (num: number, szx = 6): CoapOption =>
  blockOption(OPTION.BLOCK2, { num, more: false, szx });
const kib = pattern(1024);

describe('RequestServer', () => {
  test('answers with the content format of the response', async () => {
    const { ask } = setup();
    const [answer] = await ask({
      payload: pattern(3),
      options: [uintOption(OPTION.CONTENT_FORMAT, 60)],
    });
    expect(answer).toMatchObject({ type: 'ack', code: CODE.CONTENT, payload: pattern(3) });
    expect(answer?.options).toStrictEqual([uintOption(OPTION.CONTENT_FORMAT, 50)]);
  });

  test('answers a non-confirmable request without confirmation', async () => {
    const { ask } = setup();
    expect(await ask({ type: 'non', payload: pattern(3) })).toMatchObject([
      { type: 'non', code: CODE.CONTENT, payload: pattern(3) },
    ]);
  });

  test.each<[string, string, RawRequest]>([
    ['another path', '4.04', { path: ['echo'] }],
    ['no path', '4.04', { path: [] }],
    ['a longer path', '4.04', { path: ['Echo', ''] }],
    [
      'a path that is not UTF-8',
      '4.04',
      { path: [], options: [{ number: OPTION.URI_PATH, value: Uint8Array.of(0xff) }] },
    ],
    ['another method', '4.05', { code: 0x01 }],
    ['an unknown critical option', '4.02', { options: [{ number: 65_001, value: none }] }],
    ['Proxy-Uri', '4.02', { options: [textOption(35, 'coap://elsewhere/')] }],
    ['Uri-Query', '4.02', { options: [textOption(15, 'a=b')] }],
    ['two Block1 options', '4.02', { options: [block1(0, true), block1(0, true)], payload: kib }],
    ['a Block1 of 4 bytes', '4.02', { options: [{ number: OPTION.BLOCK1, value: pattern(4) }] }],
    ['size exponent 7', '4.00', { options: [{ number: OPTION.BLOCK1, value: Uint8Array.of(7) }] }],
    [
      'size exponent 7 in Block2',
      '4.00',
      { options: [{ number: OPTION.BLOCK2, value: Uint8Array.of(7) }] },
    ],
    ['a block that is not full', '4.00', { options: [block1(0, true)], payload: pattern(1023) }],
    ['a block that is too full', '4.00', { options: [block1(0, false, 0)], payload: pattern(17) }],
    ['a body that starts in the middle', '4.08', { options: [block1(1, true)], payload: kib }],
    ['a block of no response', '4.08', { options: [block2(1)] }],
    ['a body beyond the limit', '4.13', { payload: pattern(MAX_BYTES + 1) }],
  ])('R54 refuses %s with %s', async (_name, code, raw) => {
    const { codeOf, bodies } = setup();
    expect(await codeOf(raw)).toBe(code);
    expect(bodies).toHaveLength(0);
    expect(await codeOf({ payload: pattern(1) })).toBe('2.05');
  });

  test('refuses with a coded text', async () => {
    const { ask } = setup();
    const texts = [await ask({ path: ['nope'] }), await ask({ payload: pattern(MAX_BYTES + 1) })];
    expect(texts.flat().map((m) => decodeUtf8(m.payload).split(':')[0])).toStrictEqual([
      'ERR_API_PROTOCOL',
      'ERR_API_LIMIT',
    ]);
  });

  test('ignores unknown elective options and malformed hints', async () => {
    const { codeOf } = setup();
    const options = [
      { number: 292, value: pattern(8) },
      { number: OPTION.SIZE1, value: pattern(5) },
      uintOption(OPTION.CONTENT_FORMAT, 11_542),
    ];
    expect(await codeOf({ options, payload: pattern(1) })).toBe('2.05');
  });

  test('refuses a call when the bodies of running calls are too long', async () => {
    const sent: CoapMessage[] = [];
    const finish: (() => void)[] = [];
    const server = new RequestServer({
      resources: new Map([['/Echo', MAX_CALL_BYTES]]),
      handle: async () => {
        await new Promise<void>((resolve) => finish.push(resolve));
        return { code: CODE.CONTENT, contentFormat: CONTENT_FORMAT.TEXT, payload: none };
      },
      send: (datagram) => sent.push(decodeMessage(datagram)),
    });
    const post = (messageId: number, length: number): void => {
      const payload = new Uint8Array(length);
      const options = [textOption(OPTION.URI_PATH, 'Echo')];
      const message = { type: 'con', code: CODE.POST, messageId, token: none, options, payload };
      server.receive(encodeMessage(message as CoapMessage), CLIENT);
    };
    post(1, MAX_CALL_BYTES / 2);
    post(2, MAX_CALL_BYTES / 2);
    post(3, 1);
    expect(finish).toHaveLength(2);
    expect(sent).toMatchObject([{ messageId: 3, code: CODE.SERVICE_UNAVAILABLE }]);
    for (const resolve of finish) resolve();
    await server.idle();
    post(4, 1);
    expect(finish).toHaveLength(3);
    finish.at(-1)?.();
    await server.idle();
    expect(sent.slice(1).map((m) => m.messageId)).toStrictEqual([1, 2, 4]);
    post(5, 1);
    server.close();
    finish.at(-1)?.();
    await server.idle();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toHaveLength(4);
  });

  test('resets a response that nobody asked for', async () => {
    const { ask } = setup();
    expect(await ask({ code: CODE.CONTENT })).toMatchObject([{ type: 'rst' }]);
    expect(await ask({ code: CODE.CONTENT, type: 'non' })).toHaveLength(0);
  });

  describe('block-wise requests', () => {
    test('are put together whatever their tokens, and the last block is acknowledged too', async () => {
      const { ask, bodies } = setup(() => pattern(1));
      const first = await ask({ token: 'aa', options: [block1(0, true)], payload: kib });
      expect(first).toMatchObject([{ code: CODE.CONTINUE, token: fromHex('aa') }]);
      expect(block(first[0]!, OPTION.BLOCK1)).toStrictEqual({ num: 0, more: true, szx: 6 });
      const last = await ask({ token: 'bb', options: [block1(1, false)], payload: pattern(10) });
      expect(last).toMatchObject([{ code: CODE.CONTENT, token: fromHex('bb') }]);
      expect(block(last[0]!, OPTION.BLOCK1)).toStrictEqual({ num: 1, more: false, szx: 6 });
      expect(bodies.map(toHex)).toStrictEqual([toHex(kib) + toHex(pattern(10))]);
    });

    test('are kept apart by peer and by options', async () => {
      const { codeOf } = setup();
      expect(await codeOf({ options: [block1(0, true)], payload: kib })).toBe('2.31');
      const peer = createPeer('127.0.0.1', 1);
      const next = { options: [block1(1, false)], payload: kib };
      const tagged = [...next.options, { number: 292, value: pattern(1) }];
      expect(await codeOf({ ...next, peer })).toBe('4.08');
      expect(await codeOf({ ...next, options: tagged })).toBe('4.08');
      expect(await codeOf(next)).toBe('2.05');
    });

    test('start anew with block 0 and may change to smaller blocks', async () => {
      const { codeOf, bodies } = setup();
      expect(await codeOf({ options: [block1(0, true)], payload: pattern(1024).fill(1) })).toBe(
        '2.31',
      );
      expect(await codeOf({ options: [block1(0, true)], payload: kib })).toBe('2.31');
      expect(await codeOf({ options: [block1(64, true, 0)], payload: pattern(16) })).toBe('2.31');
      expect(await codeOf({ options: [block1(65, false, 0)], payload: pattern(5) })).toBe('2.05');
      expect(bodies.map(toHex)).toStrictEqual([
        toHex(kib) + toHex(pattern(16)) + toHex(pattern(5)),
      ]);
    });

    test('survive a block that does not fit, and its repetition', async () => {
      const { codeOf } = setup();
      expect(await codeOf({ options: [block1(0, true)], payload: kib })).toBe('2.31');
      expect(await codeOf({ options: [block1(2, true)], payload: kib })).toBe('4.08');
      expect(await codeOf({ options: [block1(1, true)], payload: kib })).toBe('2.31');
      expect(await codeOf({ options: [block1(1, true)], payload: kib })).toBe('4.08');
      expect(await codeOf({ options: [block1(2, false)], payload: kib })).toBe('2.05');
    });

    test('are refused when they announce, or become, more than the limit', async () => {
      const { codeOf } = setup();
      const size1 = uintOption(OPTION.SIZE1, MAX_BYTES + 1);
      expect(await codeOf({ options: [block1(0, true), size1], payload: kib })).toBe('4.13');
      for (let num = 0; num < 9; num++) {
        expect(await codeOf({ options: [block1(num, true)], payload: kib })).toBe('2.31');
      }
      expect(await codeOf({ options: [block1(9, true)], payload: kib })).toBe('4.13');
      expect(await codeOf({ options: [block1(10, true)], payload: kib })).toBe('4.08');
    });

    test('are forgotten after 30 s without a block', async () => {
      const { codeOf } = setup();
      expect(await codeOf({ options: [block1(0, true)], payload: kib })).toBe('2.31');
      await vi.advanceTimersByTimeAsync(TRANSFER_IDLE_MS);
      expect(await codeOf({ options: [block1(1, true)], payload: kib })).toBe('4.08');
    });

    test('of one peer are limited in number', async () => {
      const { codeOf } = setup();
      const upload = (num: number, tag: number): Promise<string> =>
        codeOf({
          options: [block1(num, true), { number: 292, value: Uint8Array.of(tag) }],
          payload: kib,
        });
      for (let tag = 0; tag <= MAX_TRANSFERS_PER_PEER; tag++)
        expect(await upload(0, tag)).toBe('2.31');
      expect(await upload(1, 0)).toBe('4.08');
      expect(await upload(1, 1)).toBe('2.31');
    });
  });

  describe('block-wise responses', () => {
    const long = pattern(2500);

    test('are found by their token, else by the request', async () => {
      const { ask } = setup(() => long);
      await ask({ token: 'aa' });
      const second = await ask({ token: 'aa', options: [block2(1)] });
      expect(second[0]?.payload).toStrictEqual(long.subarray(1024, 2048));
      const third = await ask({ token: 'bb', options: [block2(2)] });
      expect(third).toMatchObject([{ code: CODE.CONTENT, token: fromHex('bb') }]);
      expect(third[0]?.payload).toStrictEqual(long.subarray(2048));
      expect(block(third[0]!, OPTION.BLOCK2)).toStrictEqual({ num: 2, more: false, szx: 6 });
    });

    test('of two requests at once do not mix', async () => {
      let calls = 0;
      const { ask } = setup(() => pattern(2500).fill(++calls));
      await ask({ token: 'aa' });
      await ask({ token: 'bb' });
      expect((await ask({ token: 'aa', options: [block2(1)] }))[0]?.payload[0]).toBe(1);
      expect((await ask({ token: 'bb', options: [block2(1)] }))[0]?.payload[0]).toBe(2);
    });

    test('have the block size that the request asks for', async () => {
      const { ask } = setup(() => long);
      const [first] = await ask({ options: [block2(0, 2)] });
      expect(first?.payload).toStrictEqual(long.subarray(0, 64));
      const [next] = await ask({ options: [block2(3, 1)] });
      expect(next?.payload).toStrictEqual(long.subarray(96, 128));
    });

    test('do not call again, end at their end, and are forgotten when they were fetched', async () => {
      const { codeOf, bodies } = setup(() => long);
      expect(await codeOf({})).toBe('2.05');
      expect(await codeOf({ options: [block2(3)] })).toBe('4.00');
      expect(await codeOf({ options: [block2(2)] })).toBe('2.05');
      expect(await codeOf({ options: [block2(1)] })).toBe('4.08');
      expect(bodies).toHaveLength(1);
    });

    test('that come separately are fetched by requests in their acknowledgements', async () => {
      const sent: CoapMessage[] = [];
      const server = new RequestServer({
        resources: new Map([['/Echo', MAX_BYTES]]),
        handle: async () => {
          await new Promise((resolve) => setTimeout(resolve, PIGGYBACK_MS + 1));
          return { code: CODE.CONTENT, contentFormat: CONTENT_FORMAT.CBOR, payload: long };
        },
        send: (datagram) => sent.push(decodeMessage(datagram)),
      });
      const ask = (
        type: 'con' | 'ack',
        messageId: number,
        options: readonly CoapOption[],
      ): void => {
        const all = [textOption(OPTION.URI_PATH, 'Echo'), ...options];
        const message = {
          type,
          code: CODE.POST,
          messageId,
          token: none,
          options: all,
          payload: none,
        };
        server.receive(encodeMessage(message), CLIENT);
      };
      ask('con', 1, []);
      await vi.advanceTimersByTimeAsync(PIGGYBACK_MS + 1);
      const [acknowledgement, first] = sent;
      expect(acknowledgement).toMatchObject({ type: 'ack', code: CODE.EMPTY, messageId: 1 });
      expect(first).toMatchObject({ type: 'con', payload: long.subarray(0, 1024) });
      ask('ack', first!.messageId, [block2(1)]);
      expect(sent[2]).toMatchObject({ type: 'con', payload: long.subarray(1024, 2048) });
      ask('ack', first!.messageId, [block2(1)]);
      ask('ack', sent[2]!.messageId, [block2(2)]);
      expect(sent[3]).toMatchObject({ type: 'con', payload: long.subarray(2048) });
      const empty = { code: CODE.EMPTY, token: none, options: [], payload: none };
      const { messageId } = sent[3]!;
      server.receive(encodeMessage({ ...empty, type: 'ack', messageId }), CLIENT);
      await server.idle();
      await vi.advanceTimersByTimeAsync(100_000);
      expect(sent).toHaveLength(4);
    });

    test('are not for another peer', async () => {
      const { codeOf } = setup(() => long);
      expect(await codeOf({})).toBe('2.05');
      const peer = createPeer('127.0.0.1', 1);
      expect(await codeOf({ options: [block2(1)], peer })).toBe('4.08');
    });

    test('are forgotten after 30 s', async () => {
      const { codeOf } = setup(() => long);
      expect(await codeOf({})).toBe('2.05');
      await vi.advanceTimersByTimeAsync(TRANSFER_IDLE_MS);
      expect(await codeOf({ options: [block2(1)] })).toBe('4.08');
    });
  });
});
