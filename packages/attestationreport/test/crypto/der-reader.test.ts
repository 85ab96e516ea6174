import { fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { DerReader, Tag } from '../../src/crypto/index.ts';

function reader(hex: string): DerReader {
  return new DerReader(fromHex(hex), 'top');
}

describe('DerReader', () => {
  test('reads nested elements, whole elements and optional ones', () => {
    const outer = reader('300a0201050101ff0402aabb');
    const inner = outer.enter(Tag.Sequence, 'inner');
    outer.end();
    expect(inner.enterOptional(0xa0, 'absent')).toBeUndefined();
    expect(inner.smallInteger('five', 10)).toBe(5);
    expect(inner.boolean('yes')).toBe(true);
    expect(inner.peek()).toBe(Tag.OctetString);
    expect(toHex(inner.element(Tag.OctetString, 'bytes'))).toBe('0402aabb');
    inner.end();
    expect(inner.done).toBe(true);
    expect(inner.peek()).toBe(-1);
  });

  test('reads long lengths', () => {
    expect(reader(`0482${'0100'}${'00'.repeat(256)}`).read(Tag.OctetString, 'x')).toHaveLength(256);
    expect(reader(`0481${'80'}${'00'.repeat(128)}`).read(Tag.OctetString, 'x')).toHaveLength(128);
  });

  test.each([
    ['no element', '', 'ERR_DECODE_TRUNCATED'],
    ['no length', '04', 'ERR_DECODE_TRUNCATED'],
    ['content cut off', '0402aa', 'ERR_DECODE_TRUNCATED'],
    ['length cut off', '048201', 'ERR_DECODE_TRUNCATED'],
    ['another tag', '0200', 'ERR_DECODE_TYPE'],
    ['indefinite length', '0480aa0000', 'ERR_DECODE_NON_CANONICAL'],
    ['one byte of length too many', '048101aa', 'ERR_DECODE_NON_CANONICAL'],
    ['two bytes of length for 255', `048200ff${'00'.repeat(255)}`, 'ERR_DECODE_NON_CANONICAL'],
    ['four bytes of length', '048401000000', 'ERR_DECODE_LIMIT'],
  ])('rejects %s', (_, hex, code) => {
    const found = () => reader(hex).read(Tag.OctetString, 'value');
    expect(found).toThrow(expect.objectContaining({ name: 'DecodeError', code }));
  });

  test('rejects tag numbers above 30', () => {
    expect(() => reader('1f200100').skip('high')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TYPE' }),
    );
  });

  test('an element cannot reach beyond the element around it', () => {
    const inner = reader('300304020011').enter(Tag.Sequence, 'inner');
    expect(() => inner.read(Tag.OctetString, 'value')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TRUNCATED', path: ['top', 'inner'], offset: 2 }),
    );
  });

  test('rejects trailing bytes with a path and an offset', () => {
    const inner = reader('300301010000').enter(Tag.Sequence, 'inner');
    inner.boolean('no');
    inner.end();
    const trailing = reader('05000500');
    trailing.read(Tag.Null, 'null');
    expect(() => trailing.end()).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_TRAILING', path: ['top'], offset: 2 }),
    );
  });

  test.each([
    ['empty', '0200', 'ERR_DECODE_VALUE'],
    ['padded positive', '02020001', 'ERR_DECODE_NON_CANONICAL'],
    ['padded negative', '0202ff80', 'ERR_DECODE_NON_CANONICAL'],
  ])('rejects an INTEGER that is %s', (_, hex, code) => {
    expect(() => reader(hex).integer('n')).toThrow(expect.objectContaining({ code }));
  });

  test.each(['0201ff', '020105', '0205010000000000'])('smallInteger refuses %s above 4', (hex) => {
    expect(() => reader(hex).smallInteger('n', 4)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_DECODE_/) }),
    );
  });

  test.each(['010101', '01020000', '0100'])('rejects the BOOLEAN %s', (hex) => {
    expect(() => reader(hex).boolean('b')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_NON_CANONICAL' }),
    );
  });

  test.each(['0300', '030101', '03020700'])('bitString refuses %s', (hex) => {
    expect(() => reader(hex).bitString('bits')).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
    );
  });

  test.each([
    ['06032a0304', '1.2.3.4'],
    ['0603551d13', '2.5.29.19'],
    ['06092b0601040182371514', '1.3.6.1.4.1.311.21.20'],
    ['0603883703', '2.999.3'],
    ['060127', '0.39'],
  ])('reads the OID %s', (hex, text) => {
    expect(reader(hex).oid('oid')).toBe(text);
  });

  test.each(['0600', '06022a80', '06032a8001', '06072a9080808000ff', '06062a8fffffff80'])(
    'rejects the OID %s',
    (hex) => {
      expect(() => reader(hex).oid('oid')).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
      );
    },
  );
});
