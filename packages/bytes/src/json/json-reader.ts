import { DecodeCursor } from '../decode-cursor.ts';
import type { DecodeOptions } from '../decode-limits.ts';
import { DecodeError } from '../errors.ts';
import { decodeUtf8, encodeUtf8 } from '../text.ts';
import type { JsonObject, JsonValue } from './json-value.ts';

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX4 = /[0-9A-Fa-f]{4}/y;
const CUT_ESCAPE = /^\\(?:u[0-9A-Fa-f]{0,3})?$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
/** What the end of the text can cut in two. */
const WORDS = ['null', 'true', 'false', '-0'];
const MAX_WORD = 6;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const LETTER_N = 0x6e;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Strict JSON (RFC 8259), pulled value by value. Offsets of errors are bytes of the UTF-8 text. */
export class JsonReader extends DecodeCursor {
  readonly #text: string;

  constructor(bytes: Uint8Array, name: string, options: DecodeOptions = {}) {
    super(name, bytes.length, options);
    this.#text = decodeUtf8(bytes, name);
  }

  override byteOffset(): number {
    return encodeUtf8(this.#text.slice(0, this.position)).length;
  }

  /** Call last: rejects anything but white space. */
  end(): void {
    this.#skipSpace();
    if (this.position < this.#text.length) this.fail('ERR_DECODE_TRAILING', 'text after the value');
  }

  /** Consumes `null` when that is next. */
  readNull(): boolean {
    this.#skipSpace();
    return this.#text.charCodeAt(this.position) === LETTER_N && this.#takeWord('null');
  }

  readBoolean(): boolean {
    this.#skipSpace();
    if (this.#takeWord('true')) return true;
    if (this.#takeWord('false')) return false;
    return this.#unexpected('true or false');
  }

  /** An integer without fraction and exponent; `bigint` where `number` would lose digits. */
  readInteger(): number | bigint {
    const token = this.#readNumber();
    const value = integerOf(token);
    if (value === undefined) {
      this.fail('ERR_DECODE_TYPE', `expected an integer of at most 64 bits`);
    }
    return value;
  }

  readText(): string {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.position) !== QUOTE) this.#unexpected('a string');
    const start = this.position + 1;
    for (let i = start; ; i++) {
      const unit = this.#text.charCodeAt(i);
      if (unit === QUOTE) {
        this.position = i + 1;
        return this.#text.slice(start, i);
      }
      if (unit === BACKSLASH) return this.#readEscaped(start, i);
      if (!(unit >= SPACE)) this.#badUnit(i);
    }
  }

  /** Bytes that a string spells; `decode` refuses what is not their alphabet. */
  readEncodedBytes(decode: (text: string) => Uint8Array): Uint8Array {
    const start = this.position;
    const text = this.#readRawText();
    try {
      return decode(text);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.position = start;
      return this.fail(error.code, 'string is not in the encoding of byte strings');
    }
  }

  beginArray(): void {
    this.#skipSpace();
    if (!this.#take(OPEN_ARRAY)) this.#unexpected('an array');
    this.enter();
  }

  /** Whether element `index` follows; leaves the array when not. */
  nextElement(index: number): boolean {
    this.#skipSpace();
    if (this.#take(CLOSE_ARRAY)) {
      this.leave();
      return false;
    }
    if (index > 0 && !this.#take(COMMA)) this.#unexpected(', or ]');
    this.countItem(index);
    return true;
  }

  beginObject(): void {
    this.#skipSpace();
    if (!this.#take(OPEN_OBJECT)) this.#unexpected('an object');
    this.enter();
  }

  /** Key of member `index`, its colon consumed; `undefined` at the end, which leaves the object. */
  nextKey(index: number): string | undefined {
    this.#skipSpace();
    if (this.#take(CLOSE_OBJECT)) {
      this.leave();
      return undefined;
    }
    if (index > 0 && !this.#take(COMMA)) this.#unexpected(', or }');
    this.countItem(index);
    const key = this.readText();
    this.#skipSpace();
    if (!this.#take(COLON)) this.#unexpected(':');
    return key;
  }

  /** Any value; objects without prototype. */
  readValue(): JsonValue {
    this.#skipSpace();
    switch (this.#text.charAt(this.position)) {
      case '{':
        return this.readObject();
      case '[':
        return this.#readArray();
      case '"':
        return this.readText();
      case 't':
      case 'f':
        return this.readBoolean();
      case 'n':
        return this.readNull() ? null : this.#unexpected('null');
      default:
        return this.#readAnyNumber();
    }
  }

  /** An object without prototype. */
  readObject(): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null);
    this.beginObject();
    for (let index = 0; ; index++) {
      const key = this.nextKey(index);
      if (key === undefined) return object;
      this.path.push(key);
      if (key in object) this.fail('ERR_DECODE_DUPLICATE', 'duplicate key');
      object[key] = this.readValue();
      this.path.pop();
    }
  }

  #readArray(): JsonValue {
    const array: JsonValue[] = [];
    this.beginArray();
    while (this.nextElement(array.length)) {
      this.path.push(array.length);
      array.push(this.readValue());
      this.path.pop();
    }
    return array;
  }

  #readAnyNumber(): number | bigint {
    const token = this.#readNumber();
    const integer = integerOf(token);
    if (typeof integer === 'bigint') return integer;
    const value = Number(token);
    if (!Number.isFinite(value)) this.fail('ERR_DECODE_VALUE', 'number out of range');
    return value;
  }

  #readNumber(): string {
    this.#skipSpace();
    NUMBER.lastIndex = this.position;
    const token = NUMBER.exec(this.#text)?.[0] ?? this.#unexpected('a number');
    this.position += token.length;
    return token;
  }

  /** A string whose characters are checked by what uses it. */
  #readRawText(): string {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.position) !== QUOTE) this.#unexpected('a string');
    const start = this.position + 1;
    const end = this.#text.indexOf('"', start);
    if (end < 0) this.#badUnit(this.#text.length);
    const text = this.#text.slice(start, end);
    if (text.includes('\\')) return this.readText();
    this.position = end + 1;
    return text;
  }

  #readEscaped(start: number, firstEscape: number): string {
    let text = this.#text.slice(start, firstEscape);
    this.position = firstEscape;
    for (;;) {
      const unit = this.#text.charCodeAt(this.position);
      if (unit === QUOTE) break;
      if (unit === BACKSLASH) {
        text += this.#readEscape();
      } else {
        if (!(unit >= SPACE)) this.#badUnit(this.position);
        text += this.#text.charAt(this.position++);
      }
    }
    if (LONE_SURROGATE.test(text)) this.fail('ERR_DECODE_FORMAT', 'lone surrogate in a string');
    this.position++;
    return text;
  }

  #readEscape(): string {
    const kind = this.#text.charAt(this.position + 1);
    const simple = ESCAPES.get(kind);
    if (simple !== undefined) {
      this.position += 2;
      return simple;
    }
    HEX4.lastIndex = this.position + 2;
    const digits = kind === 'u' ? HEX4.exec(this.#text)?.[0] : undefined;
    if (digits === undefined) {
      const isCut = CUT_ESCAPE.test(this.#text.slice(this.position, this.position + 6));
      this.fail(isCut ? 'ERR_DECODE_TRUNCATED' : 'ERR_DECODE_FORMAT', 'no escape of JSON');
    }
    this.position += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.position);
      // Most units that are next are no white space: one comparison tells.
      if (unit > SPACE || (unit !== SPACE && unit !== 0x0a && unit !== 0x0d && unit !== 0x09))
        return;
      this.position++;
    }
  }

  #take(unit: number): boolean {
    if (this.#text.charCodeAt(this.position) !== unit) return false;
    this.position++;
    return true;
  }

  #takeWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.position)) return false;
    this.position += word.length;
    return true;
  }

  #badUnit(at: number): never {
    this.position = at;
    if (at >= this.#text.length) this.fail('ERR_DECODE_TRUNCATED', 'string without end');
    return this.fail('ERR_DECODE_FORMAT', 'control character in a string');
  }

  #unexpected(expected: string): never {
    const rest = this.#text.slice(this.position, this.position + MAX_WORD);
    if (WORDS.some((word) => word.startsWith(rest))) {
      this.fail('ERR_DECODE_TRUNCATED', `expected ${expected}, got the end`);
    }
    const got = rest.charAt(0);
    // A value of another type is a different fault than text that is no JSON at all.
    const startsValue = /[[{"\-0-9tfn]/.test(got);
    return this.fail(
      startsValue ? 'ERR_DECODE_TYPE' : 'ERR_DECODE_FORMAT',
      `expected ${expected}, got ${JSON.stringify(got)}`,
    );
  }
}

/** Value of an integer token of at most 64 bits; `undefined` for every other number. */
function integerOf(token: string): number | bigint | undefined {
  if (!/^-?[0-9]+$/.test(token)) return undefined;
  const value = Number(token);
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  if (token.length > 20) return undefined;
  const exact = BigInt(token);
  return exact >= MIN_INT64 && exact <= MAX_UINT64 ? exact : undefined;
}
