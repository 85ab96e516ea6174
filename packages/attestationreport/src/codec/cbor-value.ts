/** Key of a CBOR map. */
export type CborKey = number | bigint | string;

/**
 * Any CBOR item. `number` and `bigint` are integers (`bigint` where `number` would lose digits);
 * floating-point numbers are {@link Float}s, so that they keep their width.
 */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | Tagged
  | readonly CborValue[]
  | ReadonlyMap<CborKey, CborValue>;

/** A floating-point number with its encoding: 2, 4 or 8 bytes, IEEE 754, big-endian. */
export class Float {
  readonly value: number;
  readonly encoded: Uint8Array;

  /** `encoded` must stand for `value`; 8 bytes unless given. @throws {RangeError} another width */
  constructor(value: number, encoded: Uint8Array = encodeDouble(value)) {
    if (![2, 4, 8].includes(encoded.length)) {
      throw new RangeError(`Float: expected 2, 4 or 8 bytes, got ${encoded.length}`);
    }
    this.value = value;
    this.encoded = encoded;
  }
}

/** An item with a tag in front of it. */
export class Tagged {
  readonly tag: number;
  readonly value: CborValue;

  /** @throws {RangeError} `tag` is negative or no safe integer */
  constructor(tag: number, value: CborValue) {
    if (!Number.isSafeInteger(tag) || tag < 0) throw new RangeError(`Tagged: no tag ${tag}`);
    this.tag = tag;
    this.value = value;
  }
}

function encodeDouble(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** Value of a half-precision number by its bits (RFC 8949, appendix D). */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 25) * (0x400 + fraction);
}
