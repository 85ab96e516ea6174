import { DecodeError, decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { decodeBase64Lines, encodeBase64Lines } from './base64-lines.ts';
import { MEDIA_TYPE, parseMediaType } from './media-type.ts';
import { decodeMultipart, type EncodedBody, encodeMultipart, type Part } from './multipart.ts';

/** Encodes and decodes one kind of message. */
export interface MessageFormat<T> {
  encode(message: T): EncodedBody;
  /** @throws {DecodeError} */
  decode(body: EncodedBody): T;
}

/** How one part of a message is transferred. */
export interface PartFormat<T> {
  readonly contentType: string;
  readonly maxBytes: number;
  encode(value: T): Uint8Array;
  decode(body: Uint8Array, name: string): T;
}

/** Every part says this of itself, text too. */
const TRANSFER_ENCODING = 'base64';

/** Bytes in base64. `maxBytes` is meant before base64. */
export function bytesPart(contentType: string, maxBytes: number): PartFormat<Uint8Array> {
  return { contentType, maxBytes, encode: encodeBase64Lines, decode: decodeBase64Lines };
}

/** Text as it is, although the header says base64. */
export function textPart(maxBytes: number): PartFormat<string> {
  return {
    contentType: MEDIA_TYPE.text,
    maxBytes,
    encode: encodeUtf8,
    decode: (body, name) => decodeUtf8(new Uint8Array(body), name),
  };
}

/** A message of parts that are known by their place alone: those of `parts`, in its order. */
export function multipartMessage<T extends object>(
  name: string,
  parts: { readonly [K in keyof T]: PartFormat<T[K]> },
): MessageFormat<T> {
  const formats = Object.entries<PartFormat<unknown>>(
    parts as Readonly<Record<string, PartFormat<unknown>>>,
  );
  return {
    encode(message) {
      const values = message as Readonly<Record<string, unknown>>;
      return encodeMultipart(
        formats.map(([key, format]) => ({
          contentType: format.contentType,
          transferEncoding: TRANSFER_ENCODING,
          body: format.encode(values[key]),
        })),
      );
    },
    decode(body) {
      const received = decodeMultipart(body);
      if (received.length !== formats.length) {
        throw new DecodeError(
          'ERR_DECODE_VALUE',
          `expected ${formats.length} parts, got ${received.length}`,
          { path: [name], offset: 0 },
        );
      }
      const entries = formats.map(([key, format], index) => {
        const part = received[index] as Part;
        return [key, decodePart(part, format, `${name}.${key}`)];
      });
      return Object.fromEntries(entries) as T;
    },
  };
}

function decodePart(part: Part, format: PartFormat<unknown>, name: string): unknown {
  const fail = (code: 'ERR_DECODE_TYPE' | 'ERR_DECODE_LIMIT', problem: string): never => {
    throw new DecodeError(code, problem, { path: [name], offset: 0 });
  };
  const { type } = parseMediaType(part.contentType);
  const expected = parseMediaType(format.contentType).type;
  if (type !== expected) fail('ERR_DECODE_TYPE', `expected ${expected}, got ${type}`);
  if (part.transferEncoding !== TRANSFER_ENCODING) {
    fail(
      'ERR_DECODE_TYPE',
      `expected ${TRANSFER_ENCODING}, got ${part.transferEncoding ?? 'none'}`,
    );
  }
  // base64 in lines takes less than 3 bytes for 2.
  if (part.body.length > format.maxBytes * 1.5 + 4) {
    fail('ERR_DECODE_LIMIT', `more than ${format.maxBytes} bytes`);
  }
  return format.decode(part.body, name);
}
