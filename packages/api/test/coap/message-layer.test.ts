import { fromHex } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CODE } from '../../src/coap/codes.ts';
import { createPeer } from '../../src/coap/datagram.ts';
import { type CoapMessage, decodeMessage, encodeMessage } from '../../src/coap/message.ts';
import { type Draft, type Incoming, MessageLayer } from '../../src/coap/message-layer.ts';
import { MAX_OUTSTANDING } from '../../src/coap/parameters.ts';
import { CLIENT, SERVER } from './link.ts';

const none = new Uint8Array();
const draft: Draft = { code: CODE.CONTENT, token: fromHex('a1a2'), options: [], payload: none };
const request = (over: Partial<CoapMessage> = {}): Uint8Array =>
  encodeMessage({
    type: 'con',
    code: CODE.POST,
    messageId: 7,
    token: fromHex('0102'),
    options: [],
    payload: none,
    ...over,
  });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setup() {
  const sent: { readonly at: number; readonly message: CoapMessage; readonly to: string }[] = [];
  const received: Incoming[] = [];
  const start = performance.now();
  const layer = new MessageLayer({
    send: (datagram, peer) => {
      const at = Math.round(performance.now() - start);
      sent.push({ at, message: decodeMessage(datagram), to: peer.key });
    },
    onMessage: (incoming) => received.push(incoming),
  });
  return { layer, sent, received };
}

describe('MessageLayer', () => {
  test('delivers a message once and repeats the answer to its duplicates', () => {
    const { layer, sent, received } = setup();
    layer.receive(request(), CLIENT);
    layer.receive(request(), CLIENT);
    expect(received).toHaveLength(1);
    expect(sent).toHaveLength(0);
    layer.reply(received[0]!, draft);
    layer.receive(request(), CLIENT);
    expect(received).toHaveLength(1);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toStrictEqual(sent[0]);
    expect(sent[0]?.message).toMatchObject({ type: 'ack', messageId: 7, code: CODE.CONTENT });
  });

  test('tells messages of two peers, and of two tokens, with the same id apart', () => {
    const { layer, received } = setup();
    layer.receive(request(), CLIENT);
    layer.receive(request(), createPeer('127.0.0.1', 40_002));
    layer.receive(request({ token: fromHex('0103') }), CLIENT);
    expect(received).toHaveLength(3);
  });

  test('takes an id as new again after 247 s', () => {
    const { layer, received } = setup();
    layer.receive(request(), CLIENT);
    vi.advanceTimersByTime(246_999);
    layer.receive(request(), CLIENT);
    expect(received).toHaveLength(1);
    vi.advanceTimersByTime(1);
    layer.receive(request(), CLIENT);
    expect(received).toHaveLength(2);
  });

  test('answers a non-confirmable message with one of its own id', () => {
    const { layer, sent, received } = setup();
    layer.receive(request({ type: 'non' }), CLIENT);
    layer.acknowledge(received[0]!);
    layer.reject(received[0]!);
    expect(sent).toHaveLength(0);
    layer.reply(received[0]!, draft);
    expect(sent[0]?.message).toMatchObject({ type: 'non', code: CODE.CONTENT });
  });

  test('sends a confirmable message again after 2 to 3 s, doubling, four times, then gives up', async () => {
    const { layer, sent } = setup();
    const { acknowledged } = layer.confirm(draft, CLIENT);
    const failure = expect(acknowledged).rejects.toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
    await vi.advanceTimersByTimeAsync(100_000);
    await failure;
    expect(sent).toHaveLength(5);
    expect(new Set(sent.map((s) => s.message.messageId)).size).toBe(1);
    const [first = 0, ...later] = sent.map((s) => s.at);
    const gaps = later.map((at, i) => at - (i === 0 ? first : later[i - 1]!));
    expect(gaps[0]).toBeGreaterThanOrEqual(2_000);
    expect(gaps[0]).toBeLessThanOrEqual(3_001);
    for (const [i, gap] of gaps.slice(1).entries()) {
      expect(Math.abs(gap - 2 * gaps[i]!)).toBeLessThanOrEqual(3);
    }
  });

  test('stops retransmission with the acknowledgement, and gives the response in it', async () => {
    const { layer, sent } = setup();
    const { acknowledged } = layer.confirm(draft, CLIENT);
    const { messageId } = sent[0]!.message;
    layer.receive(request({ type: 'ack', messageId: messageId ^ 1, code: CODE.CONTENT }), CLIENT);
    layer.receive(request({ type: 'ack', messageId, code: CODE.CONTENT }), SERVER);
    layer.receive(request({ type: 'ack', messageId, code: CODE.CONTENT }), CLIENT);
    await expect(acknowledged).resolves.toMatchObject({ type: 'ack', messageId });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(sent).toHaveLength(1);
  });

  test('gives nothing for an empty acknowledgement and fails on a reset', async () => {
    const { layer, sent } = setup();
    const first = layer.confirm(draft, CLIENT);
    layer.receive(fromHex(`6000${hexId(sent[0]!.message.messageId)}`), CLIENT);
    await expect(first.acknowledged).resolves.toBeUndefined();
    const second = layer.confirm(draft, CLIENT);
    layer.receive(fromHex(`7000${hexId(sent[1]!.message.messageId)}`), CLIENT);
    await expect(second.acknowledged).rejects.toMatchObject({ code: 'ERR_API_PROTOCOL' });
  });

  test('takes a request in an acknowledgement as both, and only once', async () => {
    const { layer, sent, received } = setup();
    const { acknowledged } = layer.confirm(draft, CLIENT);
    const { messageId } = sent[0]!.message;
    const datagram = request({ type: 'ack', messageId });
    layer.receive(datagram, SERVER);
    expect(received).toHaveLength(0);
    layer.receive(datagram, CLIENT);
    layer.receive(datagram, CLIENT);
    await expect(acknowledged).resolves.toBeUndefined();
    expect(received).toMatchObject([{ message: { type: 'ack', code: CODE.POST, messageId } }]);
  });

  test('has one confirmable message outstanding per peer', async () => {
    const { layer, sent } = setup();
    const first = layer.confirm(draft, CLIENT);
    const second = layer.confirm(draft, CLIENT);
    layer.confirm(draft, SERVER);
    expect(sent.map((s) => s.to)).toStrictEqual([CLIENT.key, SERVER.key]);
    first.stop();
    expect(sent).toHaveLength(3);
    second.stop();
    await expect(second.acknowledged).resolves.toBeUndefined();
  });

  test('sends no more confirmable messages when too many are outstanding', async () => {
    const { layer } = setup();
    const outstanding = Array.from({ length: MAX_OUTSTANDING }, () => layer.confirm(draft, CLIENT));
    await expect(layer.confirm(draft, CLIENT).acknowledged).rejects.toMatchObject({
      code: 'ERR_API_LIMIT',
    });
    const settled = Promise.allSettled(outstanding.map((o) => o.acknowledged));
    layer.close(new Error('closed'));
    expect((await settled).every((o) => o.status === 'rejected')).toBe(true);
  });

  test('gives the next message another id', () => {
    const { layer, sent } = setup();
    for (let i = 0; i < 3; i++) layer.confirm(draft, createPeer('127.0.0.1', 1000 + i));
    const [a = 0, b, c] = sent.map((s) => s.message.messageId);
    expect([b, c]).toStrictEqual([(a + 1) & 0xffff, (a + 2) & 0xffff]);
  });

  test.each([
    ['a ping', '40001234'],
    ['a confirmable message of a reserved class', '40201234'],
    ['a confirmable message with a format error', '49021234'],
  ])('resets %s', (_name, hex) => {
    const { layer, sent, received } = setup();
    layer.receive(fromHex(hex), CLIENT);
    expect(received).toHaveLength(0);
    expect(sent.map((s) => s.message)).toMatchObject([{ type: 'rst', code: 0, messageId: 0x1234 }]);
  });

  test.each([
    ['a short datagram', '400012'],
    ['another version', 'c0021234'],
    ['an empty non-confirmable message', '50001234'],
    ['a non-confirmable message with a format error', '59021234'],
    ['an acknowledgement of nothing', '60001234'],
    ['an acknowledgement that is a request', '60021234'],
    ['a reset of nothing', '70001234'],
  ])('drops %s', (_name, hex) => {
    const { layer, sent, received } = setup();
    layer.receive(fromHex(hex), CLIENT);
    expect(received).toHaveLength(0);
    expect(sent).toHaveLength(0);
  });
});

function hexId(messageId: number): string {
  return messageId.toString(16).padStart(4, '0');
}
