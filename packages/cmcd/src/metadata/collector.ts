import { CmcdError } from '../errors.ts';
import { MAX_ITEM_BYTES, MAX_ITEMS, MAX_TOTAL_BYTES } from './limits.ts';

/** Takes items as long as number and sizes are within the limits. */
export class ItemCollector {
  readonly #items: Uint8Array[] = [];
  #bytes = 0;

  get items(): readonly Uint8Array[] {
    return this.#items;
  }

  /** How large the next item may be. @throws {CmcdError} ERR_METADATA_LIMIT there may be none */
  room(): number {
    if (this.#items.length >= MAX_ITEMS) {
      throw new CmcdError('ERR_METADATA_LIMIT', `more than ${MAX_ITEMS} metadata items`);
    }
    return Math.min(MAX_ITEM_BYTES, MAX_TOTAL_BYTES - this.#bytes);
  }

  /** All of `items`, or none. @throws {CmcdError} ERR_METADATA_LIMIT */
  addAll(items: readonly Uint8Array[]): void {
    const [count, bytes] = [this.#items.length, this.#bytes];
    try {
      for (const item of items) this.add(item);
    } catch (error) {
      this.#items.length = count;
      this.#bytes = bytes;
      throw error;
    }
  }

  /** @throws {CmcdError} ERR_METADATA_LIMIT */
  add(item: Uint8Array): void {
    const room = this.room();
    if (item.length > room) {
      throw new CmcdError(
        'ERR_METADATA_LIMIT',
        `metadata item of ${item.length} bytes: at most ${room} are allowed here`,
      );
    }
    this.#items.push(item);
    this.#bytes += item.length;
  }
}
