import type { Endianness } from './reader.ts';

const INITIAL_CAPACITY = 256;

/** Growing byte buffer; the counterpart of `ByteReader`. */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  readonly #little: boolean;
  #length = 0;

  constructor(endianness: Endianness = 'big') {
    this.#little = endianness === 'little';
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1, value, 0xff);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2, value, 0xffff);
    this.#view().setUint16(at, value, this.#little);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4, value, 0xffff_ffff);
    this.#view().setUint32(at, value, this.#little);
    return this;
  }

  u64(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new RangeError(`u64: ${value} is out of range`);
    }
    const at = this.#reserve(8);
    this.#view().setBigUint64(at, value, this.#little);
    return this;
  }

  /** Appends bytes as they are. */
  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Appends a `UINT16 size || BYTE[size]` field. */
  sized16(value: Uint8Array): this {
    return this.u16(value.length).bytes(value);
  }

  /** Appends a `UINT32 size || BYTE[size]` field. */
  sized32(value: Uint8Array): this {
    return this.u32(value.length).bytes(value);
  }

  /** A copy of everything written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #view(): DataView {
    return new DataView(this.#bytes.buffer);
  }

  #grow(size: number, value: number, max: number): number {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new RangeError(`u${size * 8}: ${value} is out of range`);
    }
    return this.#reserve(size);
  }

  /** Makes room and returns where to write; may replace `#bytes`. */
  #reserve(size: number): number {
    const at = this.#length;
    const needed = at + size;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#length = needed;
    return at;
  }
}
