import { equalBytes } from '@cmc/bytes';

interface Entry<V> {
  readonly digest: Uint8Array;
  readonly value: V;
  readonly next: Entry<V> | undefined;
}

/** Values by digest, without a text for each. */
export class DigestMap<V> {
  readonly #entries = new Map<number, Entry<V>>();
  /** Odd, and another in each map: whoever chooses digests cannot know which of them meet. */
  readonly #factor = Math.floor(Math.random() * 2 ** 32) | 1;

  get(digest: Uint8Array): V | undefined {
    let entry = this.#entries.get(this.#hash(digest));
    while (entry !== undefined && !equalBytes(entry.digest, digest)) entry = entry.next;
    return entry?.value;
  }

  /** Adds the value of a digest that has none. */
  add(digest: Uint8Array, value: V): void {
    const hash = this.#hash(digest);
    this.#entries.set(hash, { digest, value, next: this.#entries.get(hash) });
  }

  #hash(digest: Uint8Array): number {
    let hash = digest.length;
    for (const byte of digest) {
      hash = Math.imul(hash ^ byte, this.#factor);
      hash ^= hash >>> 15;
    }
    // Small integers are quicker keys.
    return hash & 0x3fff_ffff;
  }
}
