import {
  MAX_TRANSFER_BYTES,
  MAX_TRANSFERS,
  MAX_TRANSFERS_PER_PEER,
  TRANSFER_IDLE_MS,
} from './parameters.ts';

interface Entry<T> {
  readonly transfer: T;
  readonly peer: string;
  readonly bytes: number;
  readonly usedAt: number;
}

/**
 * Block-wise transfers in progress. When there are too many, or they hold too many bytes, the one
 * that was not used for the longest time makes room, so that silent peers cannot keep others out.
 */
export class Transfers<T> {
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #now: () => number;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Bytes held by all transfers. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    this.#dropIdle();
    return this.#entries.get(key)?.transfer;
  }

  /** Key of the most recently used transfer that `matches`. */
  find(matches: (transfer: T) => boolean): string | undefined {
    let found: string | undefined;
    for (const [key, { transfer }] of this.#entries) if (matches(transfer)) found = key;
    return found;
  }

  /** Adds a transfer of `peer`, or marks it as used just now; it holds `bytes`. */
  set(key: string, transfer: T, peer: string, bytes: number): void {
    if (!this.#entries.has(key)) this.#makeRoomOf(peer);
    this.delete(key);
    this.#entries.set(key, { transfer, peer, bytes, usedAt: this.#now() });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_TRANSFERS && this.#bytes <= MAX_TRANSFER_BYTES) break;
      this.delete(oldest);
    }
    this.#timer ??= setTimeout(() => this.#sweep(), TRANSFER_IDLE_MS).unref();
  }

  delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#entries.clear();
    this.#bytes = 0;
  }

  #makeRoomOf(peer: string): void {
    const own = [...this.#entries].filter(([, entry]) => entry.peer === peer);
    for (const [key] of own.slice(0, Math.max(own.length - MAX_TRANSFERS_PER_PEER + 1, 0)))
      this.delete(key);
  }

  #dropIdle(): void {
    for (const [key, { usedAt }] of this.#entries) {
      if (usedAt + TRANSFER_IDLE_MS > this.#now()) return;
      this.delete(key);
    }
  }

  #sweep(): void {
    this.#timer = undefined;
    this.#dropIdle();
    if (this.#entries.size > 0) {
      this.#timer = setTimeout(() => this.#sweep(), TRANSFER_IDLE_MS).unref();
    }
  }
}
