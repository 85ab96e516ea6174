import { DecodeError, type DecodeErrorCode } from './errors.ts';

/** Byte order of multi-byte integers. */
export type Endianness = 'big' | 'little';

/** Bounds-checked cursor over a byte array. Never returns a partial read, never aliases its input. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #path: string[];
  readonly #little: boolean;
  #position = 0;

  constructor(bytes: Uint8Array, name: string, endianness: Endianness = 'big') {
    // A Buffer would share memory with what `slice` gives; a plain view copies.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = [name];
    this.#little = endianness === 'little';
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  /** Runs `read` with `name` appended to the path of errors. */
  field<T>(name: string, read: (reader: this) => T): T {
    this.#path.push(name);
    const value = read(this);
    this.#path.pop();
    return value;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), this.#little);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), this.#little);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.#little);
  }

  /** Copies `length` bytes out. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  /** Copies everything that is left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** A `UINT16 size || BYTE[size]` field; refused before allocation when `size > max`. */
  sized16(max: number): Uint8Array {
    return this.#sized(this.u16(), max);
  }

  /** A `UINT32 size || BYTE[size]` field; refused before allocation when `size > max`. */
  sized32(max: number): Uint8Array {
    return this.#sized(this.u32(), max);
  }

  /** Requires `length` zero bytes (reserved ranges). */
  zeros(length: number): void {
    const start = this.#take(length);
    for (let i = start; i < start + length; i++) {
      if (this.#bytes[i] !== 0) this.fail('ERR_DECODE_RESERVED', 'reserved bytes are not zero');
    }
  }

  /** Call last: rejects trailing bytes. */
  end(): void {
    if (this.remaining !== 0) this.fail('ERR_DECODE_TRAILING', `${this.remaining} bytes left over`);
  }

  /** Throws a {@link DecodeError} at the current path and position. */
  fail(code: DecodeErrorCode, message: string): never {
    throw new DecodeError(code, message, { path: [...this.#path], offset: this.#position });
  }

  #sized(size: number, max: number): Uint8Array {
    if (size > max) this.fail('ERR_DECODE_LIMIT', `size ${size} exceeds limit ${max}`);
    return this.bytes(size);
  }

  #take(length: number): number {
    if (length > this.remaining) {
      this.fail('ERR_DECODE_TRUNCATED', `need ${length} bytes, have ${this.remaining}`);
    }
    const start = this.#position;
    this.#position += length;
    return start;
  }
}
