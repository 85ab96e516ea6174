import {
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_ITEMS,
  type DecodeOptions,
  MAX_CONTAINER_ITEMS,
  MAX_DEPTH,
} from './decode-limits.ts';
import { DecodeError, type DecodeErrorCode } from './errors.ts';

/** Characters of one key in the path of an error. */
const MAX_KEY_IN_PATH = 64;

/** What the JSON and the CBOR reader share: position, limits, and the path of errors. */
export abstract class DecodeCursor {
  /** Next unit to read: a byte of CBOR, a UTF-16 unit of JSON text. */
  position = 0;
  /** Members on the way to the value that is being read, outermost first. */
  readonly path: (string | number)[];
  readonly options: DecodeOptions;
  #depth = 0;
  #itemsLeft: number;

  constructor(name: string, size: number, options: DecodeOptions) {
    this.path = [name];
    this.options = options;
    this.#itemsLeft = options.maxItems ?? DEFAULT_MAX_ITEMS;
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    if (size > maxBytes) {
      throw new DecodeError('ERR_DECODE_LIMIT', `${size} bytes exceed limit ${maxBytes}`, {
        path: [name],
        offset: 0,
      });
    }
  }

  /** Byte offset of `position` in the input. */
  abstract byteOffset(): number;

  /** Throws a {@link DecodeError} at the current path and position. */
  fail(code: DecodeErrorCode, message: string): never {
    throw new DecodeError(code, message, {
      path: this.path.map(printable),
      offset: this.byteOffset(),
    });
  }

  /** Containers around the current position. */
  protected get depth(): number {
    return this.#depth;
  }

  protected enter(): void {
    if (++this.#depth > MAX_DEPTH) this.fail('ERR_DECODE_LIMIT', `nested deeper than ${MAX_DEPTH}`);
  }

  protected leave(): void {
    this.#depth--;
  }

  /** Accounts for element or member `index` of the current container. */
  protected countItem(index: number): void {
    if (index >= MAX_CONTAINER_ITEMS) {
      this.fail('ERR_DECODE_LIMIT', `more than ${MAX_CONTAINER_ITEMS} items in one container`);
    }
    this.countItems(1);
  }

  /** Accounts for elements and members that are not counted one by one. */
  protected countItems(count: number): void {
    this.#itemsLeft -= count;
    if (this.#itemsLeft < 0) this.fail('ERR_DECODE_LIMIT', 'more items than the limit in total');
  }

  /** Elements and members that may still come. */
  protected get itemsLeft(): number {
    return this.#itemsLeft;
  }
}

/** A key as it may stand in a message: peers choose keys, long ones and with any character. */
function printable(part: string | number): string {
  const text = String(part);
  const short = text.length > MAX_KEY_IN_PATH ? `${text.slice(0, MAX_KEY_IN_PATH)}...` : text;
  return short.replace(/[^\x20-\x7e]/g, '?');
}
