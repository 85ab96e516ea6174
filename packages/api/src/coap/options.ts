import { DecodeError, encodeUtf8, equalBytes } from '@cmc/bytes';
import { ApiError } from '../errors.ts';
import type { CoapMessage, CoapOption } from './message.ts';

/** Option numbers of RFC 7252 (section 5.10) and RFC 7959 (section 6). */
export const OPTION = {
  URI_HOST: 3,
  ETAG: 4,
  URI_PORT: 7,
  URI_PATH: 11,
  CONTENT_FORMAT: 12,
  BLOCK2: 23,
  BLOCK1: 27,
  SIZE2: 28,
  SIZE1: 60,
} as const;

/** Content formats of the CoAP registry. */
export const CONTENT_FORMAT = { TEXT: 0, JSON: 50, CBOR: 60 } as const;

/** Value of a Block1 or Block2 option: block `num` of 2^(szx+4) bytes. */
export interface Block {
  readonly num: number;
  readonly more: boolean;
  readonly szx: number;
}

/** Block sizes are 16 (exponent 0) to 1024 bytes (exponent 6). */
export const MAX_SZX = 6;
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const MAX_UINT_BYTES = 4;
const MAX_BLOCK_BYTES = 3;
const MAX_BLOCK_NUMBER = 0xf_ffff;

/** Bytes of a block of size exponent `szx`. */
export function blockSize(szx: number): number {
  return 16 << szx;
}

/** An option that holds an unsigned integer, as short as possible. */
export function uintOption(number: number, value: number): CoapOption {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return { number, value: Uint8Array.from(bytes) };
}

export function textOption(number: number, text: string): CoapOption {
  return { number, value: encodeUtf8(text) };
}

/** A Block1 or Block2 option. @throws {ApiError} ERR_API_LIMIT: too many blocks of this size */
export function blockOption(number: number, block: Block): CoapOption {
  if (block.num > MAX_BLOCK_NUMBER) {
    throw new ApiError(
      'ERR_API_LIMIT',
      `CoAP: more than ${MAX_BLOCK_NUMBER + 1} blocks of ${blockSize(block.szx)} bytes`,
    );
  }
  return uintOption(number, block.num * 16 + (block.more ? 8 : 0) + block.szx);
}

/** Value of an elective option; a malformed or repeated one counts as absent (RFC 7252, 5.4). */
export function electiveUint(message: CoapMessage, number: number): number | undefined {
  const [option, ...more] = message.options.filter((o) => o.number === number);
  if (option === undefined || more.length > 0 || option.value.length > MAX_UINT_BYTES) return;
  return uint(option.value);
}

/** Value of a Block1 or Block2 option, undefined when absent. @throws {DecodeError} malformed */
export function block(message: CoapMessage, number: number): Block | undefined {
  const [option, ...more] = message.options.filter((o) => o.number === number);
  if (option === undefined) return undefined;
  if (more.length > 0) throw malformed(number, 'ERR_DECODE_DUPLICATE', 'more than one');
  if (option.value.length > MAX_BLOCK_BYTES) {
    throw malformed(number, 'ERR_DECODE_LIMIT', `${option.value.length} bytes`);
  }
  const value = uint(option.value);
  const szx = value & 7;
  if (szx > MAX_SZX) throw malformed(number, 'ERR_DECODE_RESERVED', 'size exponent 7');
  return { num: value >> 4, more: (value & 8) !== 0, szx };
}

/** Entity tags of a response, joined; there is at most one in a sound response. */
export function sameEtag(a: CoapMessage, b: CoapMessage): boolean {
  const [first, second] = [a, b].map((m) => m.options.find((o) => o.number === OPTION.ETAG)?.value);
  if (first === undefined || second === undefined) return first === second;
  return equalBytes(first, second);
}

/** `/Attest` of a request with that path. Invalid UTF-8 comes out as U+FFFD, which is in no path. */
export function uriPath(message: CoapMessage): string {
  return message.options
    .filter((o) => o.number === OPTION.URI_PATH)
    .map((o) => `/${lenientUtf8.decode(o.value)}`)
    .join('');
}

/** Whether a peer that does not know option `number` must refuse the message (RFC 7252, 5.4.6). */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

function uint(value: Uint8Array): number {
  return value.reduce((sum, byte) => sum * 256 + byte, 0);
}

function malformed(
  number: number,
  code: 'ERR_DECODE_DUPLICATE' | 'ERR_DECODE_LIMIT' | 'ERR_DECODE_RESERVED',
  message: string,
): DecodeError {
  const name = number === OPTION.BLOCK1 ? 'Block1' : 'Block2';
  return new DecodeError(code, message, { path: ['CoAP', name], offset: 0 });
}
