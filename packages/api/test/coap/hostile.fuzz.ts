import { CmcError, fromHex } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import { exchange } from '../../src/coap/block-client.ts';
import { CODE, formatCode } from '../../src/coap/codes.ts';
import {
  type CoapMessage,
  type CoapOption,
  decodeMessage,
  encodeMessage,
} from '../../src/coap/message.ts';
import {
  blockOption,
  CONTENT_FORMAT,
  OPTION,
  textOption,
  uintOption,
} from '../../src/coap/options.ts';
import { RequestServer } from '../../src/coap/request-server.ts';
import { Requester } from '../../src/coap/requester.ts';
import { pattern } from './endpoint.ts';
import { CLIENT, SERVER } from './link.ts';

const { CMC_FUZZ_RUNS } = process.env;
const runs = Number(CMC_FUZZ_RUNS ?? 300_000);
const none = new Uint8Array();
const token = fromHex('0102030405060708');

const path = textOption(OPTION.URI_PATH, 'Attest');
const format = uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.CBOR);
const block1 = (num: number, more: boolean): CoapOption =>
  blockOption(OPTION.BLOCK1, { num, more, szx: 2 });
const block2 = (num: number, more: boolean): CoapOption =>
  blockOption(OPTION.BLOCK2, { num, more, szx: 2 });

const request = (
  options: readonly CoapOption[],
  payload: Uint8Array,
  over: Partial<CoapMessage> = {},
): Uint8Array =>
  encodeMessage({
    type: 'con',
    code: CODE.POST,
    messageId: 1,
    token,
    options: [path, ...options],
    payload,
    ...over,
  });

const requests = [
  request([format], pattern(20)),
  request([format], pattern(20), { type: 'non' }),
  request([block1(0, true), uintOption(OPTION.SIZE1, 100)], pattern(64)),
  request([block1(1, true)], pattern(64), { messageId: 2 }),
  request([block1(1, false)], pattern(9), { messageId: 3 }),
  request([block2(1, false)], none, { messageId: 4 }),
  request([block2(0, false)], pattern(9), { messageId: 5 }),
  request([], none, { type: 'ack', code: CODE.CONTENT }),
  request([], none, { type: 'rst', code: CODE.EMPTY, token: none, options: [] }),
];

let answers: CoapMessage[] = [];
const server = new RequestServer({
  resources: new Map([['/Attest', 200]]),
  handle: async () => ({
    code: CODE.BAD_REQUEST,
    contentFormat: CONTENT_FORMAT.TEXT,
    payload: pattern(100),
  }),
  send: (datagram) => answers.push(decodeMessage(datagram)),
});

fuzzDecoder({
  name: 'R54 a server that gets hostile datagrams',
  seeds: requests,
  runs,
  decode: async (datagram) => {
    answers = [];
    server.receive(datagram, CLIENT);
    await server.idle();
    if (answers.length > 1) throw new Error(`${answers.length} answers`);
    for (const { type, code } of answers) {
      const refused = type === 'rst' ? code === CODE.EMPTY : code >> 5 === 4;
      // A mutation can also leave a good block, whose answer is "go on".
      if (!refused && code !== CODE.CONTINUE) throw new Error(`answered ${formatCode(code)}`);
    }
  },
});

const response = (options: readonly CoapOption[], payload: Uint8Array): CoapMessage => ({
  type: 'ack',
  code: CODE.CONTENT,
  messageId: 0,
  token,
  options,
  payload,
});

/** A body of two blocks goes up, one of three comes down. */
const conversation: readonly CoapMessage[] = [
  {
    ...response([blockOption(OPTION.BLOCK1, { num: 0, more: true, szx: 6 })], none),
    code: CODE.CONTINUE,
  },
  response([block2(0, true), uintOption(OPTION.SIZE2, 150)], pattern(64)),
  response([block2(1, true)], pattern(64)),
  response([block2(2, false)], pattern(22)),
];
const SCRIPT_LENGTH = conversation.length;

fuzzDecoder({
  name: 'a client that gets hostile datagrams',
  // The first byte says at which point of the conversation the rest is received.
  seeds: conversation.map((message, at) => Uint8Array.of(at, ...encodeMessage(message))),
  runs: Math.min(runs, 100_000),
  decode: async ([first = 0, ...rest]) => {
    let sent = 0;
    const end = new CmcError('ERR_TEST_END', 'the conversation is over');
    const requester: Requester = new Requester({
      peer: SERVER,
      transmission: { ackTimeoutMs: 60_000 },
      send: (datagram) => {
        const { type, messageId } = decodeMessage(datagram);
        if (type !== 'con') return;
        const at = sent++;
        const good = conversation[at];
        queueMicrotask(() => {
          if (at === first % SCRIPT_LENGTH) {
            // With the right message id, or it would be dropped.
            const hostile = Uint8Array.from(rest);
            if (hostile.length >= 4) hostile.set([messageId >> 8, messageId & 0xff], 2);
            requester.receive(hostile);
          }
          if (good !== undefined) requester.receive(encodeMessage({ ...good, messageId }));
        });
      },
    });
    // The conversation needs no timers: it is over by then, or waits for more.
    setImmediate(() => requester.close(end));
    const { payload } = await exchange(
      { code: CODE.POST, token, options: [path], payload: pattern(1025) },
      { request: (draft) => requester.request(draft), maxResponseBytes: 300 },
    );
    if (payload.length > 300) throw new Error(`${payload.length} bytes`);
  },
});

fuzzDecoder({
  name: 'decodeMessage',
  seeds: requests,
  runs,
  decode: (datagram) => {
    const encoded = encodeMessage(decodeMessage(datagram));
    if (Buffer.compare(encoded, datagram) !== 0) throw new Error('the encoding is not unique');
  },
});
