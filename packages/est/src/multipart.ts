import { randomBytes } from 'node:crypto';
import { concatBytes, DecodeError, type DecodeErrorCode, encodeUtf8 } from '@cmc/bytes';
import { MEDIA_TYPE, parseMediaType } from './media-type.ts';

/** One part of a multipart body. */
export interface Part {
  readonly contentType: string;
  /** As in the header Content-Transfer-Encoding, lower case; absent when the header is. */
  readonly transferEncoding?: string;
  /** As transferred: still in its transfer encoding. */
  readonly body: Uint8Array;
}

/** A body and the value of its header Content-Type. */
export interface EncodedBody {
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Most parts of a body, and longest header section of a part, bytes. */
export const MAX_PARTS = 16;
export const MAX_PART_HEADER_BYTES = 1_024;
const BOUNDARY_BYTES = 30;

/** A multipart/mixed body (RFC 2046, section 5.1) with a random boundary. */
export function encodeMultipart(parts: readonly Part[]): EncodedBody {
  const boundary = randomBytes(BOUNDARY_BYTES).toString('hex');
  const chunks = parts.flatMap(({ contentType, transferEncoding, body }) => {
    const encoding =
      transferEncoding === undefined ? '' : `Content-Transfer-Encoding: ${transferEncoding}\r\n`;
    const header = `--${boundary}\r\nContent-Type: ${contentType}\r\n${encoding}\r\n`;
    return [encodeUtf8(header), body, encodeUtf8('\r\n')];
  });
  return {
    contentType: `${MEDIA_TYPE.multipart}; boundary=${boundary}`,
    body: concatBytes(...chunks, encodeUtf8(`--${boundary}--\r\n`)),
  };
}

/**
 * The parts of a multipart/mixed body, in order. Text before the first and after the last boundary
 * is ignored, as RFC 2046 says; lines end with CRLF only.
 *
 * @throws {DecodeError}
 */
export function decodeMultipart({ contentType, body }: EncodedBody): Part[] {
  const delimiter = `--${boundaryOf(contentType)}`;
  // One character per byte, so that positions are those of the body.
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  const parts: Part[] = [];
  let at = findDelimiter(text, delimiter, 0);
  while (!at.closes) {
    if (parts.length === MAX_PARTS)
      fail('ERR_DECODE_LIMIT', `more than ${MAX_PARTS} parts`, at.end);
    const next = findDelimiter(text, delimiter, at.end);
    parts.push(decodePart(text, body, at.end, next.start));
    at = next;
  }
  return parts;
}

interface Delimiter {
  /** Where the line break before it starts. */
  readonly start: number;
  /** Behind its line. */
  readonly end: number;
  readonly closes: boolean;
}

function boundaryOf(contentType: string): string {
  const { type, parameters } = parseMediaType(contentType);
  if (type !== MEDIA_TYPE.multipart) {
    fail('ERR_DECODE_TYPE', `expected ${MEDIA_TYPE.multipart}, got ${type}`, 0);
  }
  const boundary = parameters.get('boundary') ?? fail('ERR_DECODE_MISSING', 'no boundary', 0);
  if (!/^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/.test(boundary)) {
    fail('ERR_DECODE_FORMAT', 'not a boundary', 0);
  }
  return boundary;
}

/** The next line that is the delimiter; one that only starts with it is none. */
function findDelimiter(text: string, delimiter: string, from: number): Delimiter {
  for (let at = text.indexOf(delimiter, from); at >= 0; at = text.indexOf(delimiter, at + 1)) {
    const startsLine = at === 0 || (text.startsWith('\r\n', at - 2) && at - 2 >= from);
    if (!startsLine) continue;
    const closes = text.startsWith('--', at + delimiter.length);
    let end = at + delimiter.length + (closes ? 2 : 0);
    while (text[end] === ' ' || text[end] === '\t') end++;
    const endsLine = text.startsWith('\r\n', end) || (closes && end === text.length);
    if (endsLine) return { start: at - 2, end: end + 2, closes };
  }
  return fail('ERR_DECODE_TRUNCATED', 'the closing boundary is missing', text.length);
}

function decodePart(text: string, body: Uint8Array, start: number, end: number): Part {
  const blank = text.indexOf('\r\n\r\n', start);
  // The line break of a blank line may be that of the boundary behind it: then there is no body.
  const hasHeader = blank >= 0 && (blank + 4 <= end || blank + 2 === end);
  if (!hasHeader) fail('ERR_DECODE_FORMAT', 'a part without header', start);
  if (blank - start > MAX_PART_HEADER_BYTES) {
    fail('ERR_DECODE_LIMIT', `a part header of more than ${MAX_PART_HEADER_BYTES} bytes`, start);
  }
  const headers = new Map<string, string>();
  for (const line of text.slice(start, blank).split('\r\n')) {
    const [, name, value = ''] = /^([!-9;-~]+):[ \t]*([ -~\t]*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) return fail('ERR_DECODE_FORMAT', 'not a header line', start);
    const key = name.toLowerCase();
    if (headers.has(key)) fail('ERR_DECODE_DUPLICATE', `header ${key} occurs twice`, start);
    headers.set(key, value);
  }
  const transferEncoding = headers.get('content-transfer-encoding')?.toLowerCase();
  return {
    contentType:
      headers.get('content-type') ?? fail('ERR_DECODE_MISSING', 'a part without type', start),
    ...(transferEncoding === undefined ? {} : { transferEncoding }),
    body: new Uint8Array(body.subarray(blank + 4, end)),
  };
}

function fail(code: DecodeErrorCode, message: string, offset: number): never {
  throw new DecodeError(code, message, { path: ['multipart'], offset });
}
