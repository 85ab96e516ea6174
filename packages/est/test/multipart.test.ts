import { decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeMultipart,
  encodeMultipart,
  MAX_PART_HEADER_BYTES,
  MAX_PARTS,
  type Part,
  parseMediaType,
} from '../src/index.ts';
import { vectorBody } from './vectors.ts';

const CONTENT_TYPE = 'multipart/mixed; boundary=b';

function decode(body: string, contentType = CONTENT_TYPE): { type: string; text: string }[] {
  return decodeMultipart({ contentType, body: encodeUtf8(body) }).map((part) => ({
    type: part.contentType,
    text: decodeUtf8(part.body),
  }));
}

const part = (text: string, boundary = 'b'): string =>
  `--${boundary}\r\nContent-Type: text/plain\r\n\r\n${text}\r\n`;

describe('decodeMultipart', () => {
  test('gives the parts in order', () => {
    expect(decode(`${part('one')}${part('')}${part('two\r\nlines')}--b--\r\n`)).toEqual([
      { type: 'text/plain', text: 'one' },
      { type: 'text/plain', text: '' },
      { type: 'text/plain', text: 'two\r\nlines' },
    ]);
  });

  test.each([
    ['text before and after the parts', `preamble\r\n${part('x')}--b--\r\nepilogue`],
    ['no line break at the end', `${part('x')}--b--`],
    ['blanks behind the boundaries', '--b \t\r\nContent-Type: text/plain\r\n\r\nx\r\n--b-- \r\n'],
    ['any case of header names', '--b\r\ncontent-TYPE:text/plain  \r\n\r\nx\r\n--b--'],
    ['other headers', '--b\r\nX-Other: a:b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--'],
  ])('accepts %s', (_name, body) => {
    expect(decode(body)).toEqual([{ type: 'text/plain', text: 'x' }]);
  });

  test.each([
    ['a longer boundary', 'x\r\n--bb\r\ny'],
    ['a boundary in the middle of a line', 'x --b\r\ny'],
    ['a boundary and text behind it', 'x\r\n--b y'],
    ['an end and text behind it', 'x\r\n--b--y'],
    ['line feeds only', 'x\n--b\ny'],
  ])('takes %s as content', (_name, text) => {
    expect(decode(`${part(text)}--b--\r\n`)).toEqual([{ type: 'text/plain', text }]);
  });

  test('accepts a part without content whose blank line belongs to the boundary', () => {
    expect(decode('--b\r\nContent-Type: text/plain\r\n\r\n--b--')).toEqual([
      { type: 'text/plain', text: '' },
    ]);
  });

  test('keeps the transfer encoding in lower case', () => {
    const body = encodeUtf8(
      '--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: BASE64\r\n\r\neA==\r\n--b--',
    );
    const [only] = decodeMultipart({ contentType: CONTENT_TYPE, body });
    expect(only).toStrictEqual({
      contentType: 'text/plain',
      transferEncoding: 'base64',
      body: encodeUtf8('eA=='),
    });
  });

  test('copies the bodies, from a Buffer too', () => {
    const body = Buffer.from(`${part('x')}--b--`);
    const [only] = decodeMultipart({ contentType: CONTENT_TYPE, body });
    body.fill(0);
    expect(only?.body).toStrictEqual(encodeUtf8('x'));
  });

  const header = (text: string): string => `--b\r\n${text}\r\n\r\nx\r\n--b--`;
  test.each([
    ['nothing', '', 'ERR_DECODE_TRUNCATED'],
    ['no boundary', 'text', 'ERR_DECODE_TRUNCATED'],
    ['no end', part('x'), 'ERR_DECODE_TRUNCATED'],
    ['no end but another boundary', `${part('x')}--b\r\n`, 'ERR_DECODE_TRUNCATED'],
    ['a boundary right behind a boundary', '--b\r\n--b--', 'ERR_DECODE_TRUNCATED'],
    ['line feeds only', '--b\nContent-Type: text/plain\n\nx\n--b--', 'ERR_DECODE_TRUNCATED'],
    ['a part without header', '--b\r\n\r\nx\r\n--b--', 'ERR_DECODE_FORMAT'],
    ['a header that ends with the body', '--b\r\nA: b\r\n--b--', 'ERR_DECODE_FORMAT'],
    ['no content type', header('A: b'), 'ERR_DECODE_MISSING'],
    ['a header line without colon', header('Content-Type text/plain'), 'ERR_DECODE_FORMAT'],
    ['a folded header', header('Content-Type: text/plain;\r\n a=b'), 'ERR_DECODE_FORMAT'],
    ['a control character in a header', header('Content-Type: a\0b'), 'ERR_DECODE_FORMAT'],
    ['a header twice', header('A: b\r\na: b'), 'ERR_DECODE_DUPLICATE'],
    ['a long header', header(`A: ${'b'.repeat(MAX_PART_HEADER_BYTES)}`), 'ERR_DECODE_LIMIT'],
    ['too many parts', `${part('').repeat(MAX_PARTS + 1)}--b--`, 'ERR_DECODE_LIMIT'],
  ])('refuses %s', (_name, body, code) => {
    expect(() => decode(body)).toThrow(expect.objectContaining({ name: 'DecodeError', code }));
  });

  test.each([
    ['another type', 'multipart/related; boundary=b', 'ERR_DECODE_TYPE'],
    ['no boundary', 'multipart/mixed', 'ERR_DECODE_MISSING'],
    ['an empty boundary', 'multipart/mixed; boundary=""', 'ERR_DECODE_FORMAT'],
    ['a boundary with a blank at its end', 'multipart/mixed; boundary="a "', 'ERR_DECODE_FORMAT'],
    ['a long boundary', `multipart/mixed; boundary=${'b'.repeat(71)}`, 'ERR_DECODE_FORMAT'],
    ['two boundaries', 'multipart/mixed; boundary=a; Boundary=b', 'ERR_DECODE_DUPLICATE'],
  ])('refuses a content type with %s', (_name, contentType, code) => {
    expect(() => decode(`${part('x')}--b--`, contentType)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test('every proper prefix of a message is refused', () => {
    const { contentType, body } = vectorBody('attestEnrollRequest');
    const withoutLineEnd = body.subarray(0, -2);
    for (const prefix of prefixes(withoutLineEnd)) {
      expect(() => decodeMultipart({ contentType, body: prefix })).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED' }),
      );
    }
  });

  test('takes linear time for a body full of almost-boundaries', () => {
    const started = performance.now();
    expect(() => decode('\r\n--b'.repeat(1_000_000))).toThrow();
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('encodeMultipart', () => {
  const parts: fc.Arbitrary<Part> = fc.record(
    {
      contentType: fc.constantFrom('text/plain', 'application/pkcs7-mime; smime-type=certs-only'),
      transferEncoding: fc.constantFrom('base64', '8bit'),
      body: fc.uint8Array({ maxLength: 200 }),
    },
    { noNullPrototype: true, requiredKeys: ['contentType', 'body'] },
  );

  test('property: what is encoded decodes to the same parts', () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: MAX_PARTS }), (all) => {
        expect(decodeMultipart(encodeMultipart(all))).toStrictEqual(all);
      }),
    );
  });

  test('has a new boundary every time', () => {
    const boundaries = [1, 2].map(() => encodeMultipart([]).contentType);
    expect(boundaries[0]).not.toBe(boundaries[1]);
  });
});

describe('parseMediaType', () => {
  test.each([
    ['Text/Plain', 'text/plain', {}],
    ['text/plain; Charset=UTF-8', 'text/plain', { charset: 'UTF-8' }],
    ['a/b;c=d ;e="f \\"g\\" h"', 'a/b', { c: 'd', e: 'f "g" h' }],
    ['a/b; c="" ', 'a/b', { c: '' }],
  ])('reads %s', (text, type, parameters) => {
    const parsed = parseMediaType(text);
    expect(parsed.type).toBe(type);
    expect(Object.fromEntries(parsed.parameters)).toEqual(parameters);
  });

  test.each([
    ['', 'ERR_DECODE_FORMAT'],
    ['text', 'ERR_DECODE_FORMAT'],
    ['text/', 'ERR_DECODE_FORMAT'],
    [' text/plain', 'ERR_DECODE_FORMAT'],
    ['text/plain, a/b', 'ERR_DECODE_FORMAT'],
    ['text/plain;', 'ERR_DECODE_FORMAT'],
    ['text/plain; a', 'ERR_DECODE_FORMAT'],
    ['text/plain; a=', 'ERR_DECODE_FORMAT'],
    ['text/plain; a="b', 'ERR_DECODE_FORMAT'],
    ['text/plain; a=b; A=c', 'ERR_DECODE_DUPLICATE'],
    [`text/plain; a=${'b'.repeat(512)}`, 'ERR_DECODE_LIMIT'],
  ])('refuses %j', (text, code) => {
    expect(() => parseMediaType(text)).toThrow(expect.objectContaining({ code }));
  });
});
