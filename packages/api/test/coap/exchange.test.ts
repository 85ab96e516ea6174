import { decodeUtf8, toHex } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CODE } from '../../src/coap/codes.ts';
import type { CoapMessage } from '../../src/coap/message.ts';
import { block, CONTENT_FORMAT, OPTION } from '../../src/coap/options.ts';
import { createPair, type Pair, type PairOptions, pattern } from './endpoint.ts';
import { seededRandom } from './link.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockImplementation(seededRandom(1));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function post(options: PairOptions, body: Uint8Array) {
  const pair = createPair(options);
  const response = pair.post(body);
  response.catch(() => {});
  await vi.advanceTimersByTimeAsync(300_000);
  return { pair, response: await response };
}

const blocks = (messages: readonly CoapMessage[], option: number) =>
  messages.map((m) => block(m, option)).filter((b) => b !== undefined);

describe('one exchange', () => {
  test.each([0, 1, 1023, 1024, 1025, 2048, 200_000])(
    'carries a body of %i bytes there and back',
    async (length) => {
      const { pair, response } = await post({}, pattern(length));
      expect(response.code).toBe(CODE.CONTENT);
      expect(toHex(response.payload)).toBe(toHex(pattern(length)));
      expect(pair.calls).toHaveLength(1);
      const blockCount = length <= 1024 ? 1 : Math.ceil(length / 1024);
      expect(pair.toServer).toHaveLength(2 * blockCount - 1);
    },
  );

  test('needs no block options up to 1024 bytes', async () => {
    const { pair } = await post({}, pattern(1024));
    expect(blocks([...pair.toServer, ...pair.toClient], OPTION.BLOCK1)).toHaveLength(0);
    expect(blocks([...pair.toServer, ...pair.toClient], OPTION.BLOCK2)).toHaveLength(0);
  });

  test('uses one token, Size1 once, numbered blocks, and repeats the options for each', async () => {
    const { pair } = await post({}, pattern(2500));
    expect(new Set(pair.toServer.map((m) => toHex(m.token)))).toStrictEqual(new Set(['c0ffee01']));
    expect(blocks(pair.toServer, OPTION.BLOCK1)).toStrictEqual([
      { num: 0, more: true, szx: 6 },
      { num: 1, more: true, szx: 6 },
      { num: 2, more: false, szx: 6 },
    ]);
    expect(blocks(pair.toServer, OPTION.BLOCK2)).toStrictEqual([
      { num: 1, more: false, szx: 6 },
      { num: 2, more: false, szx: 6 },
    ]);
    const optionNumbers = pair.toServer.map((m) => m.options.map((o) => o.number).join());
    expect(optionNumbers).toStrictEqual([
      '11,12,27,60',
      '11,12,27',
      '11,12,27',
      '11,12,23',
      '11,12,23',
    ]);
    expect(pair.toServer.slice(3).every((m) => m.payload.length === 0)).toBe(true);
  });

  test('acknowledges blocks with 2.31, announces Size2 once and tags all blocks alike', async () => {
    const { pair } = await post({}, pattern(2500));
    expect(pair.toClient.map((m) => m.code)).toStrictEqual([0x5f, 0x5f, 0x45, 0x45, 0x45]);
    expect(blocks(pair.toClient, OPTION.BLOCK2)).toStrictEqual([
      { num: 0, more: true, szx: 6 },
      { num: 1, more: true, szx: 6 },
      { num: 2, more: false, szx: 6 },
    ]);
    const valuesOf = (number: number): string[] =>
      pair.toClient.flatMap((m) =>
        m.options.filter((o) => o.number === number).map((o) => toHex(o.value)),
      );
    expect(valuesOf(OPTION.SIZE2)).toStrictEqual(['09c4']);
    expect(valuesOf(OPTION.ETAG)).toHaveLength(3);
    expect(new Set(valuesOf(OPTION.ETAG)).size).toBe(1);
  });

  test('a slow call is acknowledged before the client repeats it, and answered separately', async () => {
    const handle: PairOptions['handle'] = async (_path, body) => {
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      return { code: CODE.CONTENT, contentFormat: CONTENT_FORMAT.TEXT, payload: body };
    };
    const { pair, response } = await post({ handle }, pattern(3000));
    expect(toHex(response.payload)).toBe(toHex(pattern(3000)));
    expect(pair.calls).toHaveLength(1);
    const separate = pair.toClient.filter((m) => m.type === 'con');
    expect(separate).toHaveLength(1);
    expect(pair.toServer.filter((m) => m.type === 'ack')).toHaveLength(1);
  });

  test('a call that throws is answered 5.00 without its text', async () => {
    const handle: PairOptions['handle'] = () => Promise.reject(new Error('secret'));
    const { response } = await post({ handle }, pattern(10));
    expect(response.code).toBe(CODE.INTERNAL_SERVER_ERROR);
    const text = decodeUtf8(response.payload);
    expect(text).toMatch(/^ERR_API_INTERNAL: /);
    expect(text).not.toContain('secret');
  });

  test('a body beyond the limit is refused at its first block, 4.13 with the limit', async () => {
    const { pair, response } = await post({ maxRequestBytes: 5000 }, pattern(5001));
    expect(response.code).toBe(CODE.REQUEST_ENTITY_TOO_LARGE);
    expect(pair.toServer).toHaveLength(1);
    expect(pair.toClient[0]?.options.map((o) => toHex(o.value))).toStrictEqual(['1388']);
    expect(pair.calls).toHaveLength(0);
  });

  test('a response beyond the limit is refused at its first block', async () => {
    const pair: Pair = createPair({ maxResponseBytes: 5000 });
    const response = expect(pair.post(pattern(5001))).rejects.toMatchObject({
      code: 'ERR_API_LIMIT',
    });
    await vi.advanceTimersByTimeAsync(1000);
    await response;
    expect(blocks(pair.toServer, OPTION.BLOCK2)).toHaveLength(0);
  });
});

describe('an unreliable link', () => {
  const faults = { lose: 0.05, duplicate: 0.2, delay: 0.2 };
  const seeds = Array.from({ length: 20 }, (_, i) => i + 1);

  test.each(seeds)(
    'loses, repeats and reorders datagrams, and nobody notices (seed %i)',
    async (seed) => {
      const { pair, response } = await post({ faults, seed }, pattern(20_000));
      expect(response.code).toBe(CODE.CONTENT);
      expect(toHex(response.payload)).toBe(toHex(pattern(20_000)));
      expect(pair.calls).toHaveLength(1);
    },
  );

  test.each(seeds)('does so with separate responses too (seed %i)', async (seed) => {
    const handle: PairOptions['handle'] = async (_path, body) => {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return { code: CODE.CONTENT, contentFormat: CONTENT_FORMAT.TEXT, payload: body };
    };
    const { pair, response } = await post({ faults, seed, handle }, pattern(5_000));
    expect(toHex(response.payload)).toBe(toHex(pattern(5_000)));
    expect(pair.calls).toHaveLength(1);
  });

  test('that loses everything ends in an error', async () => {
    const pair = createPair({ faults: { lose: 1, duplicate: 0, delay: 0 } });
    const response = expect(pair.post(pattern(10))).rejects.toMatchObject({
      code: 'ERR_API_UNAVAILABLE',
    });
    await vi.advanceTimersByTimeAsync(100_000);
    await response;
    expect(pair.toServer).toHaveLength(5);
  });
});
