import { DecodeError, fromHex, toHex } from '@cmc/bytes';
import { flipEachByte, prefixes } from '@cmc/testkit';
import { generate, parse } from 'coap-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CoapMessage, decodeMessage, encodeMessage } from '../../src/coap/message.ts';
import { OPTION } from '../../src/coap/options.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const none = new Uint8Array();

/** RFC 7252, appendix A, figures 16 and 17, and messages with extended option fields. */
const known: readonly (readonly [string, string, CoapMessage])[] = [
  [
    'a confirmable GET',
    '40017d34bb74656d7065726174757265',
    {
      type: 'con',
      code: 0x01,
      messageId: 0x7d34,
      token: none,
      options: [{ number: OPTION.URI_PATH, value: text('temperature') }],
      payload: none,
    },
  ],
  [
    'a piggy-backed response',
    '60457d34ff32322e332043',
    {
      type: 'ack',
      code: 0x45,
      messageId: 0x7d34,
      token: none,
      options: [],
      payload: text('22.3 C'),
    },
  ],
  [
    'a response with a token',
    '61457d3520ff32322e332043',
    {
      type: 'ack',
      code: 0x45,
      messageId: 0x7d35,
      token: Uint8Array.of(0x20),
      options: [],
      payload: text('22.3 C'),
    },
  ],
  [
    'an empty reset',
    '70000102',
    { type: 'rst', code: 0, messageId: 0x0102, token: none, options: [], payload: none },
  ],
  [
    'options with extended delta and length',
    `50021234dd020f${'61'.repeat(28)}ee00000000${'62'.repeat(269)}`,
    {
      type: 'non',
      code: 0x02,
      messageId: 0x1234,
      token: none,
      options: [
        { number: 15, value: text('a'.repeat(28)) },
        { number: 284, value: text('b'.repeat(269)) },
      ],
      payload: none,
    },
  ],
];

const messages: fc.Arbitrary<CoapMessage> = fc.record(
  {
    type: fc.constantFrom('con', 'non', 'ack', 'rst'),
    code: fc.integer({ min: 1, max: 0xbf }),
    messageId: fc.nat({ max: 0xffff }),
    token: fc.uint8Array({ maxLength: 8 }),
    options: fc
      .array(
        fc.record(
          { number: fc.nat({ max: 0xffff }), value: fc.uint8Array({ maxLength: 300 }) },
          { noNullPrototype: true },
        ),
        { maxLength: 6 },
      )
      .map((options) => options.toSorted((a, b) => a.number - b.number)),
    payload: fc.uint8Array({ maxLength: 64 }),
  },
  { noNullPrototype: true },
);

describe('decodeMessage and encodeMessage', () => {
  test.each(known)('know %s of the standard', (_name, hex, message) => {
    expect(decodeMessage(fromHex(hex))).toStrictEqual(message);
    expect(toHex(encodeMessage(message))).toBe(hex);
  });

  test('property: what is encoded decodes to the same message', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeMessage(encodeMessage(message))).toStrictEqual(message);
      }),
    );
  });

  test('property: agree with another implementation', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const datagram = encodeMessage(message);
        const parsed = parse(Buffer.from(datagram));
        expect(parsed).toMatchObject({
          confirmable: message.type === 'con',
          ack: message.type === 'ack',
          reset: message.type === 'rst',
          messageId: message.messageId,
          token: Buffer.from(message.token),
          payload: Buffer.from(message.payload),
        });
        expect(parsed.options.map((o) => o.value)).toEqual(
          message.options.map((o) => Buffer.from(o.value)),
        );
        expect(new Uint8Array(generate({ ...parsed }, 65_535))).toStrictEqual(datagram);
      }),
    );
  });

  test('property: every proper prefix is rejected or ends at an option', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const datagram = encodeMessage(message);
        for (const prefix of prefixes(datagram)) {
          const decoded = decodeOrError(prefix);
          if (decoded instanceof DecodeError) continue;
          // CoAP has no total length: a cut between options, or in the payload, leaves a message.
          expect(datagram.subarray(0, prefix.length)).toStrictEqual(encodeMessage(decoded));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('property: a changed byte decodes canonically or is rejected', () => {
    for (const [, hex] of known) {
      for (const { bytes } of flipEachByte(fromHex(hex))) {
        const decoded = decodeOrError(bytes);
        if (!(decoded instanceof DecodeError)) {
          expect(toHex(encodeMessage(decoded))).toBe(toHex(bytes));
        }
      }
    }
  });

  test.each([
    ['an empty datagram', '', 'ERR_DECODE_TRUNCATED'],
    ['half a header', '4002', 'ERR_DECODE_TRUNCATED'],
    ['version 0', '00020001', 'ERR_DECODE_VALUE'],
    ['version 2', '80020001', 'ERR_DECODE_VALUE'],
    ['a token longer than 8 bytes', '49020001010203040506070809', 'ERR_DECODE_LIMIT'],
    ['the extended token lengths of RFC 8974', '4d02000100', 'ERR_DECODE_LIMIT'],
    ['a token beyond the datagram', '4402000101', 'ERR_DECODE_TRUNCATED'],
    ['an empty message with a token', '4100000101', 'ERR_DECODE_VALUE'],
    ['an empty message with trailing bytes', '40000001b0', 'ERR_DECODE_TRAILING'],
    ['an option beyond the datagram', '40020001b44174', 'ERR_DECODE_TRUNCATED'],
    ['option delta 15', '40020001f0', 'ERR_DECODE_RESERVED'],
    ['option length 15', '40020001bf', 'ERR_DECODE_RESERVED'],
    ['an option number beyond 65535', '40020001e0fff2e00000', 'ERR_DECODE_VALUE'],
    ['a payload marker without payload', '40020001ff', 'ERR_DECODE_TRUNCATED'],
    ['more than 64 options', `40020001${'00'.repeat(65)}`, 'ERR_DECODE_LIMIT'],
  ])('reject %s', (_name, hex, code) => {
    expect(() => decodeMessage(fromHex(hex))).toThrow(expect.objectContaining({ code }));
  });

  test('put options in order and keep the order of equal ones', () => {
    const options = [
      { number: 60, value: Uint8Array.of(1) },
      { number: 11, value: text('b') },
      { number: 11, value: text('a') },
    ];
    const decoded = decodeMessage(
      encodeMessage({ type: 'con', code: 2, messageId: 0, token: none, options, payload: none }),
    );
    expect(decoded.options.map((o) => o.number)).toStrictEqual([11, 11, 60]);
    expect(decoded.options[0]?.value).toStrictEqual(text('b'));
  });
});

function decodeOrError(bytes: Uint8Array): CoapMessage | DecodeError {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}
