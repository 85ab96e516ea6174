import { fromHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { exchange, type WholeResponse } from '../../src/coap/block-client.ts';
import { CODE } from '../../src/coap/codes.ts';
import type { CoapMessage, CoapOption } from '../../src/coap/message.ts';
import type { Draft } from '../../src/coap/message-layer.ts';
import { block, blockOption, OPTION, uintOption } from '../../src/coap/options.ts';
import { pattern } from './endpoint.ts';

const token = fromHex('01');
const none = new Uint8Array();
const block1 = (num: number, more: boolean, szx = 6): CoapOption =>
  blockOption(OPTION.BLOCK1, { num, more, szx });
const block2 = (num: number, more: boolean, szx = 6): CoapOption =>
  blockOption(OPTION.BLOCK2, { num, more, szx });
const etag = (value: number): CoapOption => ({ number: OPTION.ETAG, value: Uint8Array.of(value) });

interface Answer {
  readonly code?: number;
  readonly options?: readonly CoapOption[];
  readonly payload?: Uint8Array;
}

/** Exchanges `body` with a server that gives `answers` one after the other. */
async function talk(body: Uint8Array, answers: readonly Answer[], maxResponseBytes = 10_000) {
  const asked: Draft[] = [];
  const request = async (draft: Draft): Promise<CoapMessage> => {
    const answer = answers[asked.length];
    asked.push(draft);
    if (answer === undefined) throw new Error('asked too often');
    return { type: 'ack', code: 0x45, messageId: 0, token, options: [], payload: none, ...answer };
  };
  let response: WholeResponse | undefined;
  let error: unknown;
  try {
    response = await exchange(
      { code: CODE.POST, token, options: [], payload: body },
      { request, maxResponseBytes },
    );
  } catch (cause) {
    error = cause;
  }
  return { response, error, asked };
}

describe('exchange', () => {
  test('goes on with the smaller blocks that the server asks for', async () => {
    const { response, asked } = await talk(pattern(1100), [
      { code: CODE.CONTINUE, options: [block1(0, true, 5)] },
      { code: CODE.CONTENT },
    ]);
    expect(response?.code).toBe(CODE.CONTENT);
    expect(
      asked.map((d) => block({ ...d, type: 'con', messageId: 0 }, OPTION.BLOCK1)),
    ).toStrictEqual([
      { num: 0, more: true, szx: 6 },
      { num: 2, more: false, szx: 5 },
    ]);
    expect(asked[1]?.payload).toStrictEqual(pattern(1100).subarray(1024));
  });

  test('stops sending when the server answers early', async () => {
    const { response, asked } = await talk(pattern(5000), [
      { code: CODE.CONTINUE, options: [block1(0, true)] },
      { code: CODE.REQUEST_ENTITY_INCOMPLETE, payload: pattern(3) },
    ]);
    expect(response).toStrictEqual({ code: CODE.REQUEST_ENTITY_INCOMPLETE, payload: pattern(3) });
    expect(asked).toHaveLength(2);
  });

  test('takes smaller blocks in the middle of a response', async () => {
    const { response } = await talk(none, [
      { options: [block2(0, true)], payload: pattern(1024) },
      { options: [block2(32, true, 1)], payload: pattern(32) },
      { options: [block2(33, false, 1)], payload: pattern(5) },
    ]);
    expect(response?.payload).toHaveLength(1024 + 32 + 5);
  });

  test.each<[string, string, Uint8Array, readonly Answer[]]>([
    ['2.31 without Block1', 'ERR_API_PROTOCOL', pattern(2000), [{ code: CODE.CONTINUE }]],
    [
      '2.31 for another block',
      'ERR_API_PROTOCOL',
      pattern(2000),
      [{ code: CODE.CONTINUE, options: [block1(1, true)] }],
    ],
    [
      '2.31 to the last block',
      'ERR_API_PROTOCOL',
      pattern(2000),
      [
        { code: CODE.CONTINUE, options: [block1(0, true)] },
        { code: CODE.CONTINUE, options: [block1(1, false)] },
      ],
    ],
    [
      'a response that starts in the middle',
      'ERR_API_PROTOCOL',
      none,
      [{ options: [block2(1, false)], payload: pattern(9) }],
    ],
    [
      'a block twice',
      'ERR_API_PROTOCOL',
      none,
      [
        { options: [block2(0, true)], payload: pattern(1024) },
        { options: [block2(0, true)], payload: pattern(1024) },
      ],
    ],
    [
      'a block left out',
      'ERR_API_PROTOCOL',
      none,
      [
        { options: [block2(0, true)], payload: pattern(1024) },
        { options: [block2(2, true)], payload: pattern(1024) },
      ],
    ],
    [
      'a block that is not full',
      'ERR_API_PROTOCOL',
      none,
      [{ options: [block2(0, true)], payload: pattern(1023) }],
    ],
    [
      'a block that is too full',
      'ERR_API_PROTOCOL',
      none,
      [{ options: [block2(0, false, 0)], payload: pattern(17) }],
    ],
    [
      'a block without payload that is not the last',
      'ERR_API_PROTOCOL',
      none,
      [{ options: [block2(0, true)] }],
    ],
    [
      'another entity tag',
      'ERR_API_PROTOCOL',
      none,
      [
        { options: [block2(0, true), etag(1)], payload: pattern(1024) },
        { options: [block2(1, false), etag(2)], payload: pattern(1) },
      ],
    ],
    [
      'an entity tag that disappears',
      'ERR_API_PROTOCOL',
      none,
      [
        { options: [block2(0, true), etag(1)], payload: pattern(1024) },
        { options: [block2(1, false)], payload: pattern(1) },
      ],
    ],
    [
      'an error amid blocks',
      'ERR_API_PROTOCOL',
      none,
      [
        { options: [block2(0, true)], payload: pattern(1024) },
        { code: CODE.REQUEST_ENTITY_INCOMPLETE },
      ],
    ],
    [
      'a response without Block2 amid blocks',
      'ERR_API_PROTOCOL',
      none,
      [{ options: [block2(0, true)], payload: pattern(1024) }, { payload: pattern(1) }],
    ],
    [
      'a malformed Block2',
      'ERR_DECODE_RESERVED',
      none,
      [{ options: [uintOption(OPTION.BLOCK2, 7)], payload: pattern(1) }],
    ],
    [
      'a response that announces too much',
      'ERR_API_LIMIT',
      none,
      [{ options: [block2(0, true), uintOption(OPTION.SIZE2, 10_001)], payload: pattern(1024) }],
    ],
    [
      'a response that never ends',
      'ERR_API_LIMIT',
      none,
      Array.from({ length: 10 }, (_, num) => ({
        options: [block2(num, true)],
        payload: pattern(1024),
      })),
    ],
  ])('refuses %s', async (_name, code, body, answers) => {
    const { error } = await talk(body, answers);
    expect(error).toMatchObject({ code });
  });

  test('ends before the block numbers do', async () => {
    const { error } = await talk(
      none,
      [{ options: [block2(0, true, 0)], payload: pattern(16) }],
      16,
    );
    expect(error).toMatchObject({ code: 'ERR_API_LIMIT' });
    expect(() => blockOption(OPTION.BLOCK1, { num: 1 << 20, more: false, szx: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_API_LIMIT' }),
    );
  });
});
