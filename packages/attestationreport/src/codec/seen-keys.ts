import type { CborKey } from './cbor-value.ts';

/** What one map needs to find duplicate keys. */
export class SeenKeys {
  /** Range of the last key in the input. */
  start = 0;
  end = 0;
  #keys: Set<CborKey> | undefined;

  clear(): void {
    this.end = 0;
    this.#keys = undefined;
  }

  /** @returns whether `key` was there already */
  add(key: CborKey): boolean {
    this.#keys ??= new Set();
    if (this.#keys.has(key)) return true;
    this.#keys.add(key);
    return false;
  }
}
