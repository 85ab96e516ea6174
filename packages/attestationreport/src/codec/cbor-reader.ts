import { concatBytes, DecodeCursor, type DecodeOptions, decodeUtf8 } from '@cmc/bytes';
import { type CborKey, Float, halfToNumber } from './cbor-value.ts';
import type { Kind } from './kind.ts';
import { SeenKeys } from './seen-keys.ts';
import { MAX_SHARED_TEXT, sharedText } from './shared-text.ts';

/** Major types of RFC 8949, section 3.1. */
export const MAJOR: Readonly<
  Record<'unsigned' | 'negative' | 'bytes' | 'text' | 'array' | 'map' | 'tag' | 'simple', number>
> = Object.freeze({
  unsigned: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
});
const TYPE_NAMES = ['integer', 'integer', 'byte string', 'text', 'array', 'map', 'tag', 'simple'];

const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const BREAK = 0xff;
const INDEFINITE = 31;

/** Strict CBOR (RFC 8949), pulled item by item; canonical encoding required unless told otherwise. */
export class CborReader extends DecodeCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #canonical: boolean;
  /** Keys of the maps around the current position, by depth. */
  readonly #keys: SeenKeys[] = [];
  /** The last item of each kind that is repeated. */
  readonly #repeated = new Map<unknown, RepeatedItem>();
  /** One function for all texts of the input. */
  readonly #decodeText = (bytes: Uint8Array): string => {
    try {
      return decodeUtf8(bytes);
    } catch {
      return this.fail('ERR_DECODE_FORMAT', 'text is not valid UTF-8');
    }
  };

  constructor(bytes: Uint8Array, name: string, options: DecodeOptions = {}) {
    super(name, bytes.length, options);
    // `slice` of a Buffer would share its memory.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#canonical = options.canonical ?? true;
  }

  override byteOffset(): number {
    return this.position;
  }

  /** Copy of the bytes from `start` to the current position. */
  consumed(start: number): Uint8Array {
    return this.#bytes.slice(start, this.position);
  }

  /** Call last: rejects trailing bytes. */
  end(): void {
    const left = this.#bytes.length - this.position;
    if (left !== 0) this.fail('ERR_DECODE_TRAILING', `${left} bytes left over`);
  }

  /** Major type of the next item. */
  peekMajor(): number {
    return this.#peek() >> 5;
  }

  /** Consumes `null` when that is next. */
  readNull(): boolean {
    if (this.#peek() !== NULL) return false;
    this.position++;
    return true;
  }

  readBoolean(): boolean {
    this.#skipTags();
    const initial = this.#peek();
    if (initial !== FALSE && initial !== TRUE) this.#unexpected('boolean');
    this.position++;
    return initial === TRUE;
  }

  /** An integer; `bigint` where `number` would lose digits. */
  readInteger(): number | bigint {
    this.#skipTags();
    const major = this.peekMajor();
    if (major > MAJOR.negative) this.#unexpected('integer');
    const argument = this.#argument();
    if (major === MAJOR.unsigned) return argument;
    if (typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER) return -1 - argument;
    return -1n - BigInt(argument);
  }

  readBytes(): Uint8Array {
    this.#skipTags();
    if (this.peekMajor() !== MAJOR.bytes) this.#unexpected('byte string');
    if (this.#isIndefinite()) return concatBytes(...this.#chunks(MAJOR.bytes));
    const length = this.#length();
    this.position += length;
    return this.#bytes.slice(this.position - length, this.position);
  }

  readText(): string {
    this.#skipTags();
    if (this.peekMajor() !== MAJOR.text) this.#unexpected('text');
    if (this.#isIndefinite()) {
      return this.#chunks(MAJOR.text)
        .map((chunk) => this.#decodeText(chunk))
        .join('');
    }
    const length = this.#length();
    const start = this.position;
    this.position += length;
    return length <= MAX_SHARED_TEXT
      ? sharedText(this.#bytes, start, this.position, this.#decodeText)
      : this.#decodeText(this.#bytes.subarray(start, this.position));
  }

  /** `null`, a boolean or a floating-point number; other simple values are refused. */
  readSimple(): null | boolean | Float {
    if (this.readNull()) return null;
    const initial = this.#peek();
    if (initial < 0xf9 || initial > 0xfb) return this.readBoolean();
    const size = 2 << (initial - 0xf9);
    this.#need(1 + size);
    const start = this.position + 1;
    this.position = start + size;
    const encoded = this.#bytes.slice(start, this.position);
    if (size === 8) return new Float(this.#view.getFloat64(start), encoded);
    if (size === 4) return new Float(this.#view.getFloat32(start), encoded);
    return new Float(halfToNumber(this.#view.getUint16(start)), encoded);
  }

  /** Tag number of the next item, which must have one. */
  readTag(): number | bigint {
    if (this.peekMajor() !== MAJOR.tag) this.#unexpected('tag');
    return this.#argument();
  }

  /** Enters an array. @returns the number of elements, `undefined` for indefinite length */
  beginArray(): number | undefined {
    return this.#begin(MAJOR.array, 1);
  }

  /** Enters a map. @returns the number of members, `undefined` for indefinite length */
  beginMap(): number | undefined {
    const count = this.#begin(MAJOR.map, 2);
    this.#keysOfMap().clear();
    return count;
  }

  /** Whether item `index` of the current array or map follows; leaves the container when not. */
  nextItem(index: number, count: number | undefined): boolean {
    if (count === undefined ? this.#takeBreak() : index >= count) {
      this.leave();
      return false;
    }
    this.countItem(index);
    return true;
  }

  /** Key of the next member of the current map; none comes twice. */
  readKey(): CborKey {
    const start = this.position;
    const major = this.peekMajor();
    if (major > MAJOR.negative && major !== MAJOR.text) this.#unexpected('integer or text as key');
    const key = major === MAJOR.text ? this.readText() : this.readInteger();
    const keys = this.#keysOfMap();
    if (this.#canonical) this.#requireAscending(keys, start);
    else if (keys.add(key)) this.fail('ERR_DECODE_DUPLICATE', 'duplicate map key');
    return key;
  }

  /** As {@link CborReader.readKey}, for maps whose keys must be text. */
  readTextKey(): string {
    if (this.peekMajor() !== MAJOR.text) this.#unexpected('text as key');
    return String(this.readKey());
  }

  /**
   * The next item, of a kind that comes again and again. Where the item of this kind before it has the
   * same bytes, it is that very value, which `share` is called with once.
   */
  readRepeated<T>(kind: Kind<T>, share: (value: T) => void): T {
    const last = this.#repeated.get(kind);
    if (last !== undefined && last.depth === this.depth && this.#continuesWith(last)) {
      this.position += last.end - last.start;
      this.countItems(last.items);
      if (!last.isShared) share(last.value as T);
      last.isShared = true;
      return last.value as T;
    }
    const { position: start, itemsLeft } = this;
    const value = kind.readCbor(this);
    const items = itemsLeft - this.itemsLeft;
    const { depth, position: end } = this;
    this.#repeated.set(kind, { value, start, end, depth, items, isShared: false });
    return value;
  }

  /** Enters a container that is no array or map. */
  nested<T>(read: () => T): T {
    this.enter();
    const value = read();
    this.leave();
    return value;
  }

  /** Whether the next bytes are those of an item that was read: no item is the prefix of another. */
  #continuesWith({ start, end }: RepeatedItem): boolean {
    const length = end - start;
    if (length > this.#bytes.length - this.position) return false;
    for (let i = 0; i < length; i++) {
      if (this.#bytes[start + i] !== this.#bytes[this.position + i]) return false;
    }
    return true;
  }

  #keysOfMap(): SeenKeys {
    const known = this.#keys[this.depth];
    if (known !== undefined) return known;
    const keys = new SeenKeys();
    this.#keys[this.depth] = keys;
    return keys;
  }

  // Sorted keys cannot repeat, so that the order is all that has to be checked.
  #requireAscending(keys: SeenKeys, start: number): void {
    if (keys.end > 0) {
      const order = this.#compareRanges(keys.start, keys.end, start, this.position);
      if (order === 0) this.fail('ERR_DECODE_DUPLICATE', 'duplicate map key');
      if (order > 0) this.fail('ERR_DECODE_NON_CANONICAL', 'map keys are not sorted');
    }
    keys.start = start;
    keys.end = this.position;
  }

  /** Order of two encoded keys: the first byte that differs decides, none is a prefix of another. */
  #compareRanges(a: number, aEnd: number, b: number, bEnd: number): number {
    const length = Math.min(aEnd - a, bEnd - b);
    for (let i = 0; i < length; i++) {
      const difference = (this.#bytes[a + i] ?? 0) - (this.#bytes[b + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #begin(major: number, bytesPerItem: number): number | undefined {
    this.#skipTags();
    if (this.peekMajor() !== major) this.#unexpected(TYPE_NAMES[major] ?? '');
    this.enter();
    if (this.#isIndefinite()) return undefined;
    const count = this.#argument();
    // Every item takes a byte at least: a count beyond the input is refused before any work on it.
    if (count > Math.floor((this.#bytes.length - this.position) / bytesPerItem)) {
      this.fail('ERR_DECODE_TRUNCATED', `${count} items do not fit into the input`);
    }
    return Number(count);
  }

  /** Argument of the head at the current position; consumes the head. */
  #argument(): number | bigint {
    const info = this.#peek() & 0x1f;
    if (info < 24) {
      this.position++;
      return info;
    }
    if (info > 27) {
      this.fail(
        info === INDEFINITE ? 'ERR_DECODE_NON_CANONICAL' : 'ERR_DECODE_FORMAT',
        info === INDEFINITE ? 'indefinite length' : `reserved additional information ${info}`,
      );
    }
    const size = 1 << (info - 24);
    this.#need(1 + size);
    const at = this.position + 1;
    const value = this.#unsigned(at, size);
    if (this.#canonical && value < (size === 1 ? 24 : 2 ** (4 * size))) {
      this.fail('ERR_DECODE_NON_CANONICAL', 'head is longer than needed');
    }
    this.position = at + size;
    return value;
  }

  #unsigned(at: number, size: number): number | bigint {
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at);
    if (size === 4) return this.#view.getUint32(at);
    const value = this.#view.getBigUint64(at);
    return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }

  /** Length of a byte string or text, which is checked to be there. */
  #length(): number {
    const length = this.#argument();
    if (length > this.#bytes.length - this.position) this.#truncated(length);
    return Number(length);
  }

  #isIndefinite(): boolean {
    if ((this.#peek() & 0x1f) !== INDEFINITE || this.#canonical) return false;
    this.position++;
    return true;
  }

  #takeBreak(): boolean {
    if (this.#peek() !== BREAK) return false;
    this.position++;
    return true;
  }

  #chunks(major: number): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    while (!this.#takeBreak()) {
      this.countItem(chunks.length);
      if (this.peekMajor() !== major) this.#unexpected(`${TYPE_NAMES[major]} chunk`);
      const length = this.#length();
      this.position += length;
      chunks.push(this.#bytes.slice(this.position - length, this.position));
    }
    return chunks;
  }

  #skipTags(): void {
    while (this.peekMajor() === MAJOR.tag) {
      if (this.#canonical) this.#unexpected('item without tag');
      this.#argument();
    }
  }

  #peek(): number {
    return this.#bytes[this.position] ?? this.#truncated(1);
  }

  #need(count: number): void {
    if (count > this.#bytes.length - this.position) this.#truncated(count);
  }

  #truncated(count: number | bigint): never {
    const left = this.#bytes.length - this.position;
    return this.fail('ERR_DECODE_TRUNCATED', `need ${count} bytes, have ${left}`);
  }

  #unexpected(expected: string): never {
    const major = this.peekMajor();
    const isTag = major === MAJOR.tag && this.#canonical;
    return this.fail(
      isTag ? 'ERR_DECODE_NON_CANONICAL' : 'ERR_DECODE_TYPE',
      `expected ${expected}, got ${TYPE_NAMES[major]}`,
    );
  }
}

/** An item that was read, and where. */
interface RepeatedItem {
  readonly value: unknown;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  /** How many elements and members it has, and those in it. */
  readonly items: number;
  isShared: boolean;
}
