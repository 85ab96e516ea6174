import { ByteReader, ByteWriter } from '@cmc/bytes';
import { CODE } from './codes.ts';

/** Confirmable, non-confirmable, acknowledgement, reset; the order is that of the wire. */
const TYPES = ['con', 'non', 'ack', 'rst'] as const;
export type MessageType = (typeof TYPES)[number];

export interface CoapOption {
  readonly number: number;
  readonly value: Uint8Array;
}

/** One CoAP message, RFC 7252 section 3. */
export interface CoapMessage {
  readonly type: MessageType;
  readonly code: number;
  readonly messageId: number;
  readonly token: Uint8Array;
  /** In the order of the wire: ascending numbers. */
  readonly options: readonly CoapOption[];
  /** Empty when absent. */
  readonly payload: Uint8Array;
}

const VERSION = 1;
const MAX_TOKEN_BYTES = 8;
const MAX_OPTIONS = 64;
const MAX_OPTION_NUMBER = 0xffff;
const PAYLOAD_MARKER = 0xff;

/** Extended option deltas and lengths: nibble 13 adds one byte, nibble 14 two. */
const ONE_BYTE = 13;
const TWO_BYTES = 14;
const ONE_BYTE_BASE = 13;
const TWO_BYTES_BASE = 269;

/** The message of one datagram. @throws {DecodeError} a message format error of RFC 7252 */
export function decodeMessage(datagram: Uint8Array): CoapMessage {
  const reader = new ByteReader(datagram, 'CoAP');
  const first = reader.u8();
  if (first >> 6 !== VERSION) {
    reader.fail('ERR_DECODE_VALUE', `expected version ${VERSION}, got ${first >> 6}`);
  }
  const tokenLength = first & 0x0f;
  if (tokenLength > MAX_TOKEN_BYTES) {
    reader.fail('ERR_DECODE_LIMIT', `token of ${tokenLength} bytes, at most ${MAX_TOKEN_BYTES}`);
  }
  const head = {
    type: TYPES[(first >> 4) & 3] ?? 'con',
    code: reader.u8(),
    messageId: reader.u16(),
  };
  const token = reader.field('token', (r) => r.bytes(tokenLength));
  if (head.code === CODE.EMPTY) {
    if (tokenLength !== 0) reader.fail('ERR_DECODE_VALUE', 'an empty message with a token');
    reader.end();
    return { ...head, token, options: [], payload: new Uint8Array() };
  }
  const options = reader.field('options', readOptions);
  const payload = reader.rest();
  return { ...head, token, options, payload };
}

/** Datagram of `message`. Options may come in any order; equal numbers keep theirs. */
export function encodeMessage(message: CoapMessage): Uint8Array {
  const { type, code, messageId, token, options, payload } = message;
  if (token.length > MAX_TOKEN_BYTES) {
    throw new RangeError(`token: expected at most ${MAX_TOKEN_BYTES} bytes, got ${token.length}`);
  }
  const writer = new ByteWriter()
    .u8((VERSION << 6) | (TYPES.indexOf(type) << 4) | token.length)
    .u8(code)
    .u16(messageId)
    .bytes(token);
  let previous = 0;
  for (const { number, value } of options.toSorted((a, b) => a.number - b.number)) {
    writer.u8((nibble(number - previous) << 4) | nibble(value.length));
    writeExtension(writer, number - previous);
    writeExtension(writer, value.length);
    writer.bytes(value);
    previous = number;
  }
  if (payload.length > 0) writer.u8(PAYLOAD_MARKER).bytes(payload);
  return writer.finish();
}

/** Reads up to and including the payload marker. */
function readOptions(reader: ByteReader): CoapOption[] {
  const options: CoapOption[] = [];
  let number = 0;
  while (reader.remaining > 0) {
    const first = reader.u8();
    if (first === PAYLOAD_MARKER) {
      if (reader.remaining === 0)
        reader.fail('ERR_DECODE_TRUNCATED', 'no payload after its marker');
      return options;
    }
    if (options.length === MAX_OPTIONS) {
      reader.fail('ERR_DECODE_LIMIT', `more than ${MAX_OPTIONS} options`);
    }
    number += readExtension(reader, first >> 4);
    const length = readExtension(reader, first & 0x0f);
    if (number > MAX_OPTION_NUMBER) reader.fail('ERR_DECODE_VALUE', `option number ${number}`);
    options.push({ number, value: reader.bytes(length) });
  }
  return options;
}

function readExtension(reader: ByteReader, nibble: number): number {
  if (nibble < ONE_BYTE) return nibble;
  if (nibble === ONE_BYTE) return reader.u8() + ONE_BYTE_BASE;
  if (nibble === TWO_BYTES) return reader.u16() + TWO_BYTES_BASE;
  return reader.fail('ERR_DECODE_RESERVED', 'option delta or length 15');
}

function nibble(value: number): number {
  if (value < ONE_BYTE_BASE) return value;
  return value < TWO_BYTES_BASE ? ONE_BYTE : TWO_BYTES;
}

function writeExtension(writer: ByteWriter, value: number): void {
  if (value >= TWO_BYTES_BASE) writer.u16(value - TWO_BYTES_BASE);
  else if (value >= ONE_BYTE_BASE) writer.u8(value - ONE_BYTE_BASE);
}
