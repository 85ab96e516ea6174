import { DecodeError, type DecodeErrorCode } from '@cmc/bytes';

/** Universal and often used tags, as identifier octets. */
export const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  Oid: 0x06,
  Utf8String: 0x0c,
  NumericString: 0x12,
  PrintableString: 0x13,
  T61String: 0x14,
  Ia5String: 0x16,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
  VisibleString: 0x1a,
  UniversalString: 0x1c,
  BmpString: 0x1e,
  Sequence: 0x30,
  Set: 0x31,
} as const;

// Content of 16 MiB and more cannot occur in keys and certificates.
const MAX_LENGTH_BYTES = 3;
// As in other implementations; wider arcs exist only for OIDs made from UUIDs.
const MAX_OID_ARC = 0x7fff_ffff;

/**
 * Cursor over DER (X.690): definite lengths in their shortest form, tags below 31. Contents that
 * come out are views of the input, which the caller must own.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  readonly #parent: DerReader | undefined;
  readonly #end: number;
  #position: number;

  /** Reads all of `bytes`, or, as part of a `parent`, the bytes of one element of it. */
  constructor(
    bytes: Uint8Array,
    name: string,
    part?: { readonly parent: DerReader; readonly start: number; readonly end: number },
  ) {
    this.#bytes = bytes;
    this.#name = name;
    this.#parent = part?.parent;
    this.#position = part?.start ?? 0;
    this.#end = part?.end ?? bytes.length;
  }

  /** Whether nothing is left. */
  get done(): boolean {
    return this.#position === this.#end;
  }

  /** Identifier octet of the next element, -1 at the end. */
  peek(): number {
    return this.#position < this.#end ? (this.#bytes[this.#position] ?? -1) : -1;
  }

  /** Contents of the next element, which must have this tag. */
  read(tag: number, name: string): Uint8Array {
    const start = this.#header(tag, name);
    return this.#bytes.subarray(start, this.#position);
  }

  /** The next element whole, which must have this tag. */
  element(tag: number, name: string): Uint8Array {
    const start = this.#position;
    this.#header(tag, name);
    return this.#bytes.subarray(start, this.#position);
  }

  /** A reader of the contents of the next element, which must have this tag. */
  enter(tag: number, name: string): DerReader {
    const start = this.#header(tag, name);
    return new DerReader(this.#bytes, name, { parent: this, start, end: this.#position });
  }

  /** The next element, which must have this tag: whole, and a reader of its contents. */
  open(tag: number, name: string): { readonly raw: Uint8Array; readonly contents: DerReader } {
    const start = this.#position;
    const contents = this.enter(tag, name);
    return { raw: this.#bytes.subarray(start, this.#position), contents };
  }

  /** Like {@link enter}, or `undefined` when the next element has another tag. */
  enterOptional(tag: number, name: string): DerReader | undefined {
    return this.peek() === tag ? this.enter(tag, name) : undefined;
  }

  /** Steps over the next element, whatever it is. */
  skip(name: string): void {
    this.#header(this.peek(), name);
  }

  /** INTEGER as big-endian two's complement in its shortest form. */
  integer(name: string): Uint8Array {
    const bytes = this.read(Tag.Integer, name);
    const [first = 0, second = 0] = bytes;
    if (bytes.length === 0) this.fail('ERR_DECODE_VALUE', `${name}: INTEGER without content`);
    if (bytes.length > 1 && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80)) {
      this.fail('ERR_DECODE_NON_CANONICAL', `${name}: INTEGER longer than needed`);
    }
    return bytes;
  }

  /** INTEGER between 0 and `max`. */
  smallInteger(name: string, max: number): number {
    const bytes = this.integer(name);
    const value = bytes.length > 4 ? -1 : bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    if ((bytes[0] ?? 0) >= 0x80 || value < 0 || value > max) {
      this.fail('ERR_DECODE_VALUE', `${name}: expected an INTEGER between 0 and ${max}`);
    }
    return value;
  }

  /** BOOLEAN. */
  boolean(name: string): boolean {
    const bytes = this.read(Tag.Boolean, name);
    if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) {
      this.fail('ERR_DECODE_NON_CANONICAL', `${name}: expected BOOLEAN 00 or ff`);
    }
    return bytes[0] === 0xff;
  }

  /** BIT STRING of whole bytes. */
  bitString(name: string): Uint8Array {
    const bytes = this.read(Tag.BitString, name);
    if (bytes[0] !== 0) this.fail('ERR_DECODE_VALUE', `${name}: expected a BIT STRING of bytes`);
    return bytes.subarray(1);
  }

  /** OBJECT IDENTIFIER, dotted. */
  oid(name: string): string {
    const bytes = this.read(Tag.Oid, name);
    const text = dottedOid(bytes);
    if (text === undefined) this.fail('ERR_DECODE_VALUE', `${name}: malformed OBJECT IDENTIFIER`);
    return text;
  }

  /** Call last: rejects trailing bytes. */
  end(): void {
    if (!this.done) {
      this.fail('ERR_DECODE_TRAILING', `${this.#end - this.#position} bytes left over`);
    }
  }

  /** Throws a {@link DecodeError} at the current path and position. */
  fail(code: DecodeErrorCode, message: string): never {
    const path: string[] = [];
    for (let reader: DerReader | undefined = this; reader; reader = reader.#parent) {
      path.unshift(reader.#name);
    }
    throw new DecodeError(code, message, { path, offset: this.#position });
  }

  // Moves behind the next element; returns where its contents start.
  #header(tag: number, name: string): number {
    const found = this.peek();
    if (found !== tag) {
      const code = found === -1 ? 'ERR_DECODE_TRUNCATED' : 'ERR_DECODE_TYPE';
      this.fail(
        code,
        `${name}: expected tag ${hex(tag)}, got ${found === -1 ? 'none' : hex(found)}`,
      );
    }
    if ((tag & 0x1f) === 0x1f) this.fail('ERR_DECODE_TYPE', `${name}: tag number above 30`);
    let at = this.#position + 1;
    let length = this.#bytes[at++] ?? 0;
    if (at > this.#end) this.fail('ERR_DECODE_TRUNCATED', `${name}: no length`);
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0) this.fail('ERR_DECODE_NON_CANONICAL', `${name}: indefinite length`);
      if (count > MAX_LENGTH_BYTES) this.fail('ERR_DECODE_LIMIT', `${name}: too long`);
      if (at + count > this.#end) this.fail('ERR_DECODE_TRUNCATED', `${name}: length is cut off`);
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (this.#bytes[at++] ?? 0);
      if (length < 0x80 || length < 256 ** (count - 1)) {
        this.fail('ERR_DECODE_NON_CANONICAL', `${name}: length not in its shortest form`);
      }
    }
    if (length > this.#end - at) {
      this.fail('ERR_DECODE_TRUNCATED', `${name}: need ${length} bytes, have ${this.#end - at}`);
    }
    this.#position = at + length;
    return at;
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

function dottedOid(bytes: Uint8Array): string | undefined {
  const arcs: number[] = [];
  let arc = 0;
  let starts = true;
  for (const byte of bytes) {
    if (starts && byte === 0x80) return undefined;
    arc = arc * 128 + (byte & 0x7f);
    if (arc > MAX_OID_ARC) return undefined;
    starts = byte < 0x80;
    if (!starts) continue;
    if (arcs.length === 0) {
      const first = Math.min(2, Math.floor(arc / 40));
      arcs.push(first, arc - first * 40);
    } else {
      arcs.push(arc);
    }
    arc = 0;
  }
  return starts && arcs.length > 0 ? arcs.join('.') : undefined;
}
