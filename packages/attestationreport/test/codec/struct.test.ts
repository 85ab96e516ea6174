import { encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  bool,
  bytes,
  componentSchema,
  ctrDataSchema,
  type DecodeOptions,
  decodeStruct,
  detectSerialization,
  encodeStruct,
  eventDataSchema,
  type Fields,
  field,
  hex,
  int,
  list,
  mandatory,
  manifestDescriptionSchema,
  manifestSchema,
  map,
  metadataSchema,
  nullable,
  oneOf,
  optional,
  struct,
  text,
  uint8,
  uint16,
  uint32,
  uint64,
} from '../../src/codec/index.ts';
import type { EventData, Manifest, Metadata, Uint64 } from '../../src/index.ts';

interface Inner {
  readonly id: number;
  readonly tags?: readonly string[];
}
interface Sample {
  readonly name: string;
  readonly data: Uint8Array | null;
  readonly digest: Uint8Array;
  readonly inner: Inner;
  readonly big?: Uint64;
  readonly flag?: boolean;
  readonly parts?: readonly Inner[];
  readonly byName?: ReadonlyMap<string, Uint8Array>;
  readonly onlyJson?: string;
}

const innerSchema = struct<Inner>('Inner', { id: field(0, int), tags: optional(1, list(text)) });
const sampleSchema = struct<Sample>('Sample', {
  name: field(1, text),
  data: field(0, nullable(bytes)),
  digest: field(2, hex),
  inner: field('inner', innerSchema),
  big: optional(3, uint64),
  flag: optional(4, bool),
  parts: optional(5, list(innerSchema)),
  byName: optional(6, map(bytes)),
  onlyJson: optional(undefined, text),
});

const failing = (code: string) => expect.objectContaining({ name: 'DecodeError', code });
const fromText = (json: string, options?: DecodeOptions): Sample =>
  decodeStruct(sampleSchema, encodeUtf8(json), options).value;
const fromCbor = (hexText: string, options?: DecodeOptions): Sample =>
  decodeStruct(sampleSchema, fromHex(hexText), options).value;
const toJson = (value: Sample): string =>
  new TextDecoder().decode(encodeStruct(sampleSchema, value, 'json'));
const toCbor = (value: Sample): string => toHex(encodeStruct(sampleSchema, value, 'cbor'));

const zero: Sample = { name: '', data: null, digest: new Uint8Array(), inner: { id: 0 } };
const full: Sample = {
  name: 'n',
  data: Uint8Array.of(1),
  digest: Uint8Array.of(0xab),
  inner: { id: -1, tags: ['t'] },
  big: 2n ** 64n - 1n,
  flag: true,
  parts: [{ id: 1 }],
  byName: new Map([['k', Uint8Array.of(2)]]),
};

describe('encodeStruct', () => {
  test('writes JSON in the order of the description and CBOR in the order of the keys', () => {
    expect(toJson({ ...full, onlyJson: 'j' })).toBe(
      '{"name":"n","data":"AQ==","digest":"ab","inner":{"id":-1,"tags":["t"]},' +
        '"big":18446744073709551615,"flag":true,"parts":[{"id":1}],"byName":{"k":"Ag=="},"onlyJson":"j"}',
    );
    expect(toCbor({ ...full, onlyJson: 'j' })).toBe(
      'a800410101616e0241ab031bffffffffffffffff04f50581a1000106a1616b410265696e6e6572a20020018161' +
        '74',
    );
  });

  test('writes zero values: null for no bytes that may be null, "" and null for no hex', () => {
    expect(toJson(zero)).toBe('{"name":"","data":null,"digest":"","inner":{"id":0}}');
    expect(toCbor(zero)).toBe('a400f6016002f665696e6e6572a10000');
  });

  test('leaves out optional members that are empty', () => {
    const empty = { big: 0n, flag: false, parts: [], byName: new Map(), onlyJson: '' };
    expect(toJson({ ...zero, ...empty })).toBe(toJson(zero));
    expect(toCbor({ ...zero, ...empty })).toBe(toCbor(zero));
  });

  test('sorts maps by the encoding of their keys', () => {
    const byName = new Map(['b', 'aa', '\u{1f600}', '\uffff'].map((k) => [k, new Uint8Array()]));
    expect(toJson({ ...zero, byName })).toContain('{"aa":"","b":"","\uffff":"","\u{1f600}":""}');
    expect(toCbor({ ...zero, byName })).toContain(
      '06a461624062616140' + '63efbfbf40' + '64f09f988040',
    );
  });

  test.each([
    ['a missing member', { name: undefined }, TypeError],
    ['a number as text', { name: 5 }, TypeError],
    ['a text with a lone surrogate', { name: '\ud800' }, TypeError],
    ['a text as bytes', { data: 'AQ==' }, TypeError],
    ['an array as hex', { digest: [1] }, TypeError],
    ['a text as boolean', { flag: 'yes' }, TypeError],
    ['a fraction', { inner: { id: 1.5 } }, RangeError],
    ['a number that has lost digits', { inner: { id: 2 ** 53 } }, RangeError],
    ['a negative unsigned number', { big: -1 }, RangeError],
    ['more than 64 bits', { big: 2n ** 64n }, RangeError],
    ['a number that has lost digits, of 64 bits', { big: 2 ** 60 }, RangeError],
  ])('refuses %s, in both encodings', (_, change, error) => {
    const value = { ...full, ...change } as Sample;
    expect(() => toJson(value)).toThrow(error);
    expect(() => toCbor(value)).toThrow(error);
  });

  test('keeps sized integers within their size', () => {
    const sizes = struct<{ a: number; b: number; c: number }>('Sizes', {
      a: field(0, uint8),
      b: field(1, uint16),
      c: field(2, uint32),
    });
    const largest = { a: 0xff, b: 0xffff, c: 0xffff_ffff };
    for (const serialization of ['json', 'cbor'] as const) {
      const encoded = encodeStruct(sizes, largest, serialization);
      expect(decodeStruct(sizes, encoded).value).toEqual(largest);
      for (const member of ['a', 'b', 'c'] as const) {
        const tooLarge = { ...largest, [member]: largest[member] + 1 };
        expect(() => encodeStruct(sizes, tooLarge, serialization)).toThrow(RangeError);
      }
    }
    for (const json of ['{"a":256}', '{"b":65536}', '{"c":4294967296}', '{"a":-1}']) {
      expect(() => decodeStruct(sizes, encodeUtf8(json))).toThrow(failing('ERR_DECODE_VALUE'));
    }
  });
});

describe('decodeStruct', () => {
  test('decodes what encodeStruct wrote and says in which encoding it came', () => {
    for (const value of [zero, full]) {
      for (const serialization of ['json', 'cbor'] as const) {
        const encoded = encodeStruct(sampleSchema, value, serialization);
        expect(decodeStruct(sampleSchema, encoded)).toEqual({ value, serialization });
      }
    }
  });

  test('any value survives both encodings', () => {
    const inner = fc.record(
      { id: fc.maxSafeInteger(), tags: fc.array(fc.string(), { minLength: 1 }) },
      { requiredKeys: ['id'], noNullPrototype: true },
    );
    const anyBytes = fc.uint8Array({ maxLength: 40 });
    const sample = fc.record(
      {
        name: fc.string({ unit: 'binary' }),
        data: fc.option(anyBytes),
        digest: anyBytes,
        inner,
        big: fc.bigInt(2n ** 53n, 2n ** 64n - 1n),
        flag: fc.constant(true),
        parts: fc.array(inner, { minLength: 1 }),
        byName: fc
          .array(fc.tuple(fc.string({ unit: 'binary' }), anyBytes), { minLength: 1 })
          .map((entries) => new Map(entries)),
      },
      { requiredKeys: ['name', 'data', 'digest', 'inner'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(sample, fc.constantFrom('json' as const, 'cbor' as const), (value, form) => {
        const encoded = encodeStruct(sampleSchema, value, form);
        expect(decodeStruct(sampleSchema, encoded).value).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test('takes the zero value for members that are missing', () => {
    expect(fromText('{}')).toEqual(zero);
    expect(fromCbor('a0')).toEqual(zero);
  });

  test('gives members in the order of the description, whatever order they came in', () => {
    const value = fromText('{"inner":{},"flag":true,"name":"n"}');
    expect(Object.keys(value)).toEqual(['name', 'data', 'digest', 'inner', 'flag']);
  });

  test('leaves out optional members that came empty', () => {
    const json = '{"big":0,"flag":false,"parts":[],"byName":{},"onlyJson":""}';
    expect(fromText(json)).toStrictEqual(fromText('{}'));
    expect(fromCbor('a4030004f4058006a0')).toStrictEqual(fromCbor('a0'));
  });

  test('takes null for no bytes, no elements and no entries', () => {
    const json = '{"data":null,"digest":null,"parts":null,"byName":null,"inner":{"tags":null}}';
    expect(fromText(json)).toEqual(zero);
    expect(fromCbor('a500f602f605f606f665696e6e6572a101f6')).toEqual(zero);
  });

  test('ignores members it does not know, whatever they hold', () => {
    expect(fromText('{"future":[{"a":[null,1.5e3]},"\\u00e4"],"name":"n"}').name).toBe('n');
    const value = fromCbor('a601616e1863a101821a000f4240f4186440186581f93c001866f66178616b');
    expect(value.name).toBe('n');
  });

  test('does not look inside the prototype of objects for members', () => {
    expect(fromText('{"__proto__":{"name":"evil"},"constructor":{},"toString":1}')).toEqual(zero);
  });

  test.each([
    ['a known key twice', '{"name":"a","name":"a"}'],
    ['a known key twice, once escaped', '{"name":"a","n\\u0061me":"a"}'],
    ['an unknown key twice', '{"x":1,"x":1}'],
    ['a key twice in a map', '{"byName":{"k":"","k":""}}'],
    ['a key twice below an unknown key', '{"x":{"y":1,"y":2}}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a key twice in an element', '{"parts":[{"id":1,"id":1}]}'],
  ])('rejects JSON with %s', (_, json) => {
    expect(() => fromText(json)).toThrow(failing('ERR_DECODE_DUPLICATE'));
  });

  test.each([
    ['a known key twice', 'a201600160'],
    ['an unknown key twice', 'a2186300186300'],
    ['a key twice in a map', 'a106a2616b40616b40'],
  ])('rejects CBOR with %s, canonical or not', (_, cbor) => {
    expect(() => fromCbor(cbor)).toThrow(failing('ERR_DECODE_DUPLICATE'));
    expect(() => fromCbor(cbor, { canonical: false })).toThrow(failing('ERR_DECODE_DUPLICATE'));
  });

  test.each(['Name', 'NAME', 'nAme', 'onlyjson', 'PARTS', 'part\\u017f', 'byname'])(
    'rejects the key %s, which other decoders take for a known one',
    (key) => {
      expect(() => fromText(`{"${key}":null}`)).toThrow(failing('ERR_DECODE_VALUE'));
    },
  );

  test('rejects a Kelvin sign in place of a k', () => {
    const schema = struct<{ key?: string }>('Key', { key: optional(0, text) });
    expect(() => decodeStruct(schema, encodeUtf8('{"\\u212aey":""}'))).toThrow(
      failing('ERR_DECODE_VALUE'),
    );
  });

  test.each([
    ['name', '5'],
    ['name', 'null'],
    ['name', '["a"]'],
    ['data', '5'],
    ['data', '[1]'],
    ['digest', '{}'],
    ['inner', 'null'],
    ['inner', '[]'],
    ['inner', '"{}"'],
    ['big', '"1"'],
    ['big', '1.0'],
    ['big', '1e3'],
    ['big', 'null'],
    ['flag', '1'],
    ['flag', '"true"'],
    ['flag', 'null'],
    ['parts', '{}'],
    ['parts', '[null]'],
    ['parts', '[[]]'],
    ['byName', '[]'],
    ['byName', '{"k":1}'],
  ])('rejects JSON with %s %s: another type', (member, value) => {
    expect(() => fromText(`{"${member}":${value}}`)).toThrow(failing('ERR_DECODE_TYPE'));
  });

  test.each([
    ['name', 'a10105'],
    ['name', 'a101f6'],
    ['name', 'a1014161'],
    ['data', 'a10060'],
    ['data', 'a1008101'],
    ['digest', 'a102626162'],
    ['inner', 'a165696e6e6572f6'],
    ['inner', 'a165696e6e657280'],
    ['big', 'a103f93c00'],
    ['big', 'a1036131'],
    ['flag', 'a10401'],
    ['flag', 'a104f6'],
    ['parts', 'a105a0'],
    ['parts', 'a10581f6'],
    ['byName', 'a10680'],
    ['byName', 'a106a10040'],
  ])('rejects CBOR with %s of another type (%s)', (_, cbor) => {
    expect(() => fromCbor(cbor)).toThrow(failing('ERR_DECODE_TYPE'));
  });

  test.each([
    ['base64 without padding', '{"data":"AQ"}', 'ERR_DECODE_FORMAT'],
    ['base64url', '{"data":"_-8="}', 'ERR_DECODE_FORMAT'],
    ['base64 with line breaks', '{"data":"AQ==\\n"}', 'ERR_DECODE_FORMAT'],
    ['an odd number of hex digits', '{"digest":"abc"}', 'ERR_DECODE_FORMAT'],
    ['no hex digits', '{"digest":"0x"}', 'ERR_DECODE_FORMAT'],
    ['an integer beyond number', '{"inner":{"id":9007199254740992}}', 'ERR_DECODE_VALUE'],
    ['an integer beyond 64 bits', '{"big":18446744073709551616}', 'ERR_DECODE_TYPE'],
    ['a negative unsigned integer', '{"big":-1}', 'ERR_DECODE_VALUE'],
    ['an array instead of the structure', '[]', 'ERR_DECODE_TYPE'],
    ['a text instead of the structure', '"{}"', 'ERR_DECODE_TYPE'],
    ['a byte order mark', '\ufeff{}', 'ERR_DECODE_FORMAT'],
    ['text after the structure', '{}{}', 'ERR_DECODE_TRAILING'],
    ['nothing', '', 'ERR_DECODE_TRUNCATED'],
    ['half a string of bytes', '{"data":"AQ==', 'ERR_DECODE_TRUNCATED'],
    ['a control character in base64', '{"data":"A\u0001=="}', 'ERR_DECODE_FORMAT'],
    ['a structure in a member nested too deep', `{"x":${'['.repeat(40)}`, 'ERR_DECODE_LIMIT'],
  ])('rejects JSON with %s', (_, json, code) => {
    expect(() => fromText(json)).toThrow(failing(code));
  });

  test('takes escapes in strings of bytes for what they spell', () => {
    expect(fromText('{"data":"\\u0041Q\\u003d=","digest":"\\u0061B"}')).toEqual({
      ...zero,
      data: Uint8Array.of(1),
      digest: Uint8Array.of(0xab),
    });
    expect(fromText('{"data":"\\/+8="}').data).toEqual(Uint8Array.of(0xff, 0xef));
  });

  test.each([
    ['keys that are not sorted', 'a2016000f6', 'ERR_DECODE_NON_CANONICAL'],
    ['an indefinite length', 'bf0160ff', 'ERR_DECODE_NON_CANONICAL'],
    ['a head longer than needed', 'a1180160', 'ERR_DECODE_NON_CANONICAL'],
    ['a tag before the structure', 'd9d9f7a0', 'ERR_DECODE_NON_CANONICAL'],
    ['a tag before a member', 'a101c060', 'ERR_DECODE_NON_CANONICAL'],
    ['an array instead of the structure', '80', 'ERR_DECODE_FORMAT'],
    ['a byte string as key', 'a1410060', 'ERR_DECODE_TYPE'],
    ['a negative unsigned integer', 'a10320', 'ERR_DECODE_VALUE'],
    ['trailing bytes', 'a000', 'ERR_DECODE_TRAILING'],
  ])('rejects CBOR with %s', (_, cbor, code) => {
    expect(() => fromCbor(cbor)).toThrow(failing(code));
  });

  test.each([
    ['keys that are not sorted', 'a201616e00f6'],
    ['an indefinite length', 'bf01616eff'],
    ['indefinite text', 'a1017f616eff'],
    ['a head longer than needed', 'a11801616e'],
    ['a tag before the structure', 'd9d9f7a101616e'],
    ['a tag before a member', 'a101c0616e'],
    ['an unknown member with a tag', 'a201616e1863c100'],
  ])('tolerates CBOR with %s when told to', (_, cbor) => {
    expect(fromCbor(cbor, { canonical: false })).toEqual({ ...zero, name: 'n' });
  });

  test('rejects every proper prefix', () => {
    for (const serialization of ['json', 'cbor'] as const) {
      for (const prefix of prefixes(encodeStruct(sampleSchema, full, serialization))) {
        expect(() => decodeStruct(sampleSchema, prefix)).toThrow(failing('ERR_DECODE_TRUNCATED'));
      }
    }
  });

  test('arbitrary bytes decode or throw DecodeError', () => {
    const head = fc.constantFrom(...['', 'a1', 'a2', '7b', '7b22', 'bf'].map((h) => fromHex(h)));
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 30 }), (start, rest) => {
        const input = new Uint8Array([...start, ...rest]);
        try {
          decodeStruct(sampleSchema, input);
        } catch (error) {
          expect(error).toMatchObject({ name: 'DecodeError' });
        }
      }),
      { numRuns: 20_000 },
    );
  });

  test('reports where the fault is', () => {
    expect(() => fromText('{"parts":[{"id":1},{"id":true}]}')).toThrow(
      expect.objectContaining({ path: ['Sample', 'parts', '1', 'id'], offset: 25 }),
    );
    expect(() => fromCbor('a10582a10001a10060')).toThrow(
      expect.objectContaining({ path: ['Sample', 'parts', '1', 'id'], offset: 8 }),
    );
  });

  test('obeys the limits', () => {
    expect(() => fromText('{"parts":[{},{}]}', { maxItems: 3 })).not.toThrow();
    expect(() => fromText('{"parts":[{},{}]}', { maxItems: 2 })).toThrow(
      failing('ERR_DECODE_LIMIT'),
    );
    expect(() => fromCbor('a10582a0a0', { maxItems: 2 })).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => fromCbor('a0', { maxBytes: 0 })).toThrow(failing('ERR_DECODE_LIMIT'));
    expect(() => fromText('{}', { maxBytes: 1 })).toThrow(failing('ERR_DECODE_LIMIT'));
  });
});

describe('kinds', () => {
  test('mandatory members and choices have no zero value', () => {
    const schema = struct<{ id: string; mode: 'a' | 'b' }>('Strict', {
      id: field(0, mandatory(text)),
      mode: field(1, oneOf('a', 'b')),
    });
    const decode = (json: string) => decodeStruct(schema, encodeUtf8(json)).value;
    expect(decode('{"id":"","mode":"b"}')).toEqual({ id: '', mode: 'b' });
    expect(() => decode('{"mode":"a"}')).toThrow(failing('ERR_DECODE_MISSING'));
    expect(() => decode('{"id":""}')).toThrow(failing('ERR_DECODE_MISSING'));
    expect(() => decode('{"id":"","mode":"c"}')).toThrow(failing('ERR_DECODE_VALUE'));
    const outer = struct<{ inner: { id: string; mode: 'a' | 'b' } }>('Outer', {
      inner: field(0, schema),
    });
    expect(() => decodeStruct(outer, encodeUtf8('{}'))).toThrow(failing('ERR_DECODE_MISSING'));
  });

  test('a description must fit its type', () => {
    expectTypeOf(field(0, nullable(bytes))).toExtend<Fields<Sample>['data']>();
    expectTypeOf(field(0, bytes)).not.toExtend<Fields<Sample>['data']>();
    expectTypeOf(field(0, uint64)).not.toExtend<Fields<Sample>['big']>();
    expectTypeOf(optional(0, uint64)).toExtend<Fields<Sample>['big']>();
    expectTypeOf(optional(0, text)).not.toExtend<Fields<Sample>['name']>();
  });
});

describe('free JSON objects', () => {
  const decode = (json: string) => decodeStruct(manifestSchema, encodeUtf8(json)).value;
  const cborOf = (value: Manifest): string => toHex(encodeStruct(manifestSchema, value, 'cbor'));

  test('have 64-bit floating-point numbers in CBOR', () => {
    const value = decode('{"details":{"n":{"k":true},"a":1}}');
    expect(cborOf(value)).toBe('a112a26161fb3ff0000000000000616ea1616bf5');
    expect(decodeStruct(manifestSchema, fromHex(cborOf(value))).value).toEqual(value);
  });

  test('lose the digits beyond 53 bits, as in the reference', () => {
    const value = decode('{"details":{"a":[18446744073709551615]}}');
    expect(value.details).toEqual({ a: [2 ** 64] });
    expect(
      decodeStruct(manifestSchema, fromHex('a112a161611bffffffffffffffff')).value.details,
    ).toEqual({ a: 2 ** 64 });
  });

  test('are left out when empty, and sorted in JSON', () => {
    expect(decode('{"details":{}}')).toEqual({});
    expect(decode('{"details":null}')).toEqual({});
    const value = decode('{"details":{"b":"<","a":null}}');
    expect(new TextDecoder().decode(encodeStruct(manifestSchema, value, 'json'))).toBe(
      '{"details":{"a":null,"b":"\\u003c"}}',
    );
  });

  test.each([
    ['bytes', 'a112a1616140', 'ERR_DECODE_TYPE'],
    ['an integer as key', 'a112a10000', 'ERR_DECODE_TYPE'],
    ['NaN', 'a112a16161f97e00', 'ERR_DECODE_VALUE'],
    ['infinity', 'a112a16161fb7ff0000000000000', 'ERR_DECODE_VALUE'],
    ['a tag', 'a112a16161c100', 'ERR_DECODE_NON_CANONICAL'],
    ['undefined', 'a112a16161f7', 'ERR_DECODE_TYPE'],
    ['a key twice', 'a112a2616100616100', 'ERR_DECODE_DUPLICATE'],
    ['unsorted keys', 'a112a2616200616100', 'ERR_DECODE_NON_CANONICAL'],
  ])('refuse %s in CBOR', (_, cbor, code) => {
    expect(() => decodeStruct(manifestSchema, fromHex(cbor))).toThrow(failing(code));
  });

  test('refuse __proto__ as a way to a prototype', () => {
    const { ociRules } = decodeStruct(
      manifestDescriptionSchema,
      encodeUtf8('{"ociRules":{"__proto__":{"modifiable":true}}}'),
    ).value;
    expect(Object.getPrototypeOf(ociRules)).toBeNull();
    expect(Object.keys(ociRules ?? {})).toEqual(['__proto__']);
  });
});

describe('OCI specifications', () => {
  const json =
    '{"configSha256":"01","rootfsSha256":"02","ociSpec":{"ociVersion":"1.2.0","process":' +
    '{"user":{"uid":0,"gid":0},"rlimits":[{"type":"RLIMIT_CORE","hard":18446744073709551615}]},' +
    '"annotations":{}}}';

  test('keep the order of their members and 64-bit numbers, in both encodings', () => {
    const { value } = decodeStruct(ctrDataSchema, encodeUtf8(json));
    expect(new TextDecoder().decode(encodeStruct(ctrDataSchema, value, 'json'))).toBe(json);
    const cbor = encodeStruct(ctrDataSchema, value, 'cbor');
    expect(toHex(cbor)).toContain('64686172641bffffffffffffffff');
    expect(decodeStruct(ctrDataSchema, cbor).value).toEqual(value);
  });

  test('have integers in CBOR, sorted keys, and go by their name', () => {
    const { value } = decodeStruct(
      ctrDataSchema,
      encodeUtf8('{"configSha256":"01","rootfsSha256":"02","ociSpec":{"bb":1.5,"a":1}}'),
    );
    expect(toHex(encodeStruct(ctrDataSchema, value, 'cbor'))).toBe(
      'a3004101014102676f636953706563a2616101626262fb3ff8000000000000',
    );
  });
});

describe('EventData', () => {
  test('keeps 64-bit addresses in both encodings', () => {
    const value: EventData = {
      imageloadevent: {
        imagelocationinmemory: 2n ** 64n - 1n,
        imagelengthinmemory: 9_007_199_254_740_993n,
        imagelinktimeaddress: 0,
      },
    };
    const json = encodeStruct(eventDataSchema, value, 'json');
    expect(new TextDecoder().decode(json)).toBe(
      '{"imageloadevent":{"imagelocationinmemory":18446744073709551615,' +
        '"imagelengthinmemory":9007199254740993,"imagelinktimeaddress":0}}',
    );
    expect(decodeStruct(eventDataSchema, json).value).toEqual(value);
    const cbor = encodeStruct(eventDataSchema, value, 'cbor');
    expect(toHex(cbor)).toBe('a103a3001bffffffffffffffff011b00200000000000010200');
    expect(decodeStruct(eventDataSchema, cbor).value).toEqual(value);
  });

  test('ignores the CBOR keys that two fields share', () => {
    expect(decodeStruct(eventDataSchema, fromHex('a101a10d07')).value).toEqual({ gptheader: {} });
    expect(decodeStruct(eventDataSchema, fromHex('a102a1006161')).value).toEqual({
      pcclienttaggedevent: { taggedeventid: '', taggedeventdata: '' },
    });
  });

  test('keeps a structure that is there but blank', () => {
    const { value } = decodeStruct(eventDataSchema, encodeUtf8('{"uefivariabledata":{}}'));
    expect(value).toEqual({ uefivariabledata: {} });
    expect(toHex(encodeStruct(eventDataSchema, value, 'cbor'))).toBe('a100a0');
  });
});

describe('metadata', () => {
  const decode = (input: Uint8Array): Metadata => decodeStruct(metadataSchema, input).value;

  test('has its OMSP server in JSON; CBOR key 20 stands for nothing in flat metadata', () => {
    const json = encodeUtf8('{"type":"Manifest","omspServer":"https://omsp"}');
    expect(decode(json).omspServer).toBe('https://omsp');
    expect(toHex(encodeStruct(metadataSchema, decode(json), 'cbor'))).toBe(
      'a100684d616e6966657374',
    );
    expect(decode(fromHex('a200684d616e6966657374146161'))).toEqual({
      type: 'Manifest',
    });
  });

  test.each([
    '{"type":"Manifest","sbom":[]}',
    '{"type":"Manifest","sbom":{"components":[{"hashes":[{"content":"xyz"}]}]}}',
    '{"type":"Manifest","certLevel":"3"}',
    '{"type":"Manifest","validity":null}',
    '{"type":"Manifest","baseLayers":[null]}',
    '{"type":1}',
    '{"type":"Manifest","Type":"Image Description"}',
    '{"type":"Manifest","type":"Image Description"}',
    '[]',
    '{"type":"Manifest"',
  ])('R33 rejects metadata that does not parse: %s', (json) => {
    expect(() => decode(encodeUtf8(json))).toThrow(
      expect.objectContaining({ name: 'DecodeError' }),
    );
  });

  test.each([
    ['a digest that is too short to be hex', '{"hashes":[{"alg":"SHA-256","content":"a"}]}'],
    ['an empty object where a text belongs', '{"name":{}}'],
    ['a number where a list belongs', '{"hashes":5}'],
    ['a negative number where a boolean belongs', '{"optional":-1}'],
    ['short base64', '{"intelCollateral":{"tcbInfo":"A"}}'],
  ])('R54 rejects a short or wrong member with a coded error: %s', (_, json) => {
    expect(() => decodeStruct(componentSchema, encodeUtf8(json))).toThrow(
      expect.objectContaining({ name: 'DecodeError' }),
    );
  });
});

describe('detectSerialization', () => {
  test.each([
    ['{"a":1}', 'json'],
    [' [] ', 'json'],
    ['1', 'json'],
    ['"text"', 'json'],
  ] as const)('%s is %s', (input, serialization) => {
    expect(detectSerialization(encodeUtf8(input))).toBe(serialization);
  });

  test.each(['a0', '80', 'd8628440a04040', '00', '66666f6f626172', 'bf0102ff', 'f6', '62c3a4'])(
    '%s is CBOR',
    (input) => {
      expect(detectSerialization(fromHex(input))).toBe('cbor');
    },
  );

  test.each(['', '7b', '7b7d7d', 'ff', 'a1', 'a000', '5b', '7b227d', 'efbbbf7b7d'])(
    '%s is neither',
    (input) => {
      expect(() => detectSerialization(fromHex(input))).toThrow(
        expect.objectContaining({ name: 'DecodeError' }),
      );
    },
  );

  test('refuses hostile nesting and more bytes than the limit', () => {
    for (const input of [encodeUtf8('['.repeat(1_000_000)), new Uint8Array(1_000_000).fill(0x81)]) {
      expect(() => detectSerialization(input)).toThrow(failing('ERR_DECODE_LIMIT'));
    }
    expect(() => detectSerialization(encodeUtf8('[1,2]'), { maxBytes: 4 })).toThrow(
      failing('ERR_DECODE_LIMIT'),
    );
  });
});
