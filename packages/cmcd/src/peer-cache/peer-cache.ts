import type { Logger } from '@cmc/bytes';
import { silentLogger } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { assertPeerId, hasDigest, isMetadataDigest, isPeerId } from './digest.ts';
import {
  MAX_CACHED_BYTES,
  MAX_CACHED_BYTES_PER_PEER,
  MAX_CACHED_ITEMS_PER_PEER,
  MAX_CACHED_PEERS,
} from './limits.ts';
import { diskPeerStore, memoryPeerStore, type PeerStore } from './store.ts';

export interface PeerCacheOptions {
  /** Folder of the cache; without one it lives in memory. */
  readonly directory?: string;
  readonly maxPeers?: number;
  readonly maxItemsPerPeer?: number;
  readonly maxBytesPerPeer?: number;
  readonly maxBytes?: number;
  readonly logger?: Logger;
}

/** How much a {@link PeerCache} holds. */
export interface PeerCacheSize {
  readonly peers: number;
  readonly items: number;
  readonly bytes: number;
}

/**
 * Signed metadata of peers that were verified, so that they need not send it again. Nothing in it
 * is trusted: what is read is verified anew each time.
 */
export interface PeerCache {
  /** Lower-case hex digests of what is there for `peer`; empty for an unknown or invalid peer id. */
  digests(peer: string): readonly string[];
  /** Items of `peer` by digest, each with a digest that was computed again. */
  read(peer: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Makes `items` all that is known of `peer`. Call it after a successful verification only.
   * @throws {CmcdError} ERR_PEER_CACHE_PEER, ERR_PEER_CACHE_DIGEST
   */
  replace(peer: string, items: ReadonlyMap<string, Uint8Array>): Promise<void>;
  readonly size: PeerCacheSize;
}

interface Entry {
  readonly sizes: Map<string, number>;
  bytes: number;
}

/** Opens a peer cache; one process at a time may use its folder. */
export async function openPeerCache(options: PeerCacheOptions = {}): Promise<PeerCache> {
  const store =
    options.directory === undefined ? memoryPeerStore() : await diskPeerStore(options.directory);
  const cache = new BoundedPeerCache(store, options);
  await cache.load();
  return cache;
}

class BoundedPeerCache implements PeerCache {
  /** Least recently used first. */
  readonly #peers = new Map<string, Entry>();
  readonly #store: PeerStore;
  readonly #maxPeers: number;
  readonly #maxItemsPerPeer: number;
  readonly #maxBytesPerPeer: number;
  readonly #maxBytes: number;
  readonly #logger: Logger;
  #bytes = 0;
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(store: PeerStore, options: PeerCacheOptions) {
    this.#store = store;
    this.#maxPeers = options.maxPeers ?? MAX_CACHED_PEERS;
    this.#maxItemsPerPeer = options.maxItemsPerPeer ?? MAX_CACHED_ITEMS_PER_PEER;
    this.#maxBytesPerPeer = options.maxBytesPerPeer ?? MAX_CACHED_BYTES_PER_PEER;
    this.#maxBytes = options.maxBytes ?? MAX_CACHED_BYTES;
    this.#logger = options.logger ?? silentLogger;
  }

  async load(): Promise<void> {
    for (const [peer, stored] of await this.#store.list()) {
      const bytes = sum(stored.values());
      if (stored.size === 0 || !this.#mayHold(stored.size, bytes)) {
        await this.#store.removePeer(peer);
        continue;
      }
      this.#peers.set(peer, { sizes: new Map(stored), bytes });
      this.#bytes += bytes;
    }
    await this.#evict();
  }

  get size(): PeerCacheSize {
    let items = 0;
    for (const entry of this.#peers.values()) items += entry.sizes.size;
    return { peers: this.#peers.size, items, bytes: this.#bytes };
  }

  digests(peer: string): readonly string[] {
    return [...(this.#peers.get(peer)?.sizes.keys() ?? [])];
  }

  async read(peer: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const items = new Map<string, Uint8Array>();
    const entry = this.#touch(peer);
    for (const [digest, size] of [...(entry?.sizes ?? [])]) {
      const item = await this.#store.read(peer, digest);
      if (item?.length === size && hasDigest(item, digest)) items.set(digest, item);
      else await this.#inTurn(() => this.#forget(peer, digest, item));
    }
    return items;
  }

  async replace(peer: string, items: ReadonlyMap<string, Uint8Array>): Promise<void> {
    assertPeerId(peer);
    const bytes = sum([...items.values()].map((item) => item.length));
    if (!this.#mayHold(items.size, bytes)) {
      this.#logger.warn(
        { peer, items: items.size, bytes },
        'metadata of a peer is too large to cache',
      );
      return;
    }
    await this.#inTurn(() => this.#replace(peer, items));
  }

  async #replace(peer: string, items: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const known = this.#touch(peer);
    // What is there stays as it is: only what is new needs to be looked at.
    for (const [digest, item] of items) {
      if (!known?.sizes.has(digest)) assertDigest(digest, item);
    }
    const entry = known ?? { sizes: new Map<string, number>(), bytes: 0 };
    this.#peers.set(peer, entry);
    try {
      for (const [digest, item] of items) await this.#add(peer, entry, digest, item);
      for (const digest of [...entry.sizes.keys()]) {
        if (!items.has(digest)) await this.#remove(peer, entry, digest);
      }
    } finally {
      if (entry.sizes.size === 0) await this.#removePeer(peer, entry);
    }
    await this.#evict();
  }

  async #add(peer: string, entry: Entry, digest: string, item: Uint8Array): Promise<void> {
    if (entry.sizes.has(digest)) return;
    await this.#store.write(peer, digest, item);
    entry.sizes.set(digest, item.length);
    entry.bytes += item.length;
    this.#bytes += item.length;
  }

  async #forget(peer: string, digest: string, found: Uint8Array | undefined): Promise<void> {
    const entry = this.#peers.get(peer);
    // Another call may have replaced the item since it was read.
    if (entry === undefined || !entry.sizes.has(digest)) return;
    const reason = found === undefined ? 'is gone' : 'does not have its digest';
    this.#logger.warn({ peer, digest }, `cached metadata ${reason}: forgotten`);
    await this.#remove(peer, entry, digest);
  }

  async #evict(): Promise<void> {
    for (const [peer, entry] of this.#peers) {
      if (this.#peers.size <= this.#maxPeers && this.#bytes <= this.#maxBytes) return;
      await this.#removePeer(peer, entry);
    }
  }

  async #remove(peer: string, entry: Entry, digest: string): Promise<void> {
    const size = entry.sizes.get(digest) ?? 0;
    entry.sizes.delete(digest);
    entry.bytes -= size;
    this.#bytes -= size;
    await this.#store.remove(peer, digest);
  }

  async #removePeer(peer: string, entry: Entry): Promise<void> {
    this.#peers.delete(peer);
    this.#bytes -= entry.bytes;
    await this.#store.removePeer(peer);
  }

  #touch(peer: string): Entry | undefined {
    const entry = isPeerId(peer) ? this.#peers.get(peer) : undefined;
    if (entry === undefined) return undefined;
    this.#peers.delete(peer);
    this.#peers.set(peer, entry);
    return entry;
  }

  #mayHold(items: number, bytes: number): boolean {
    return (
      items <= this.#maxItemsPerPeer && bytes <= Math.min(this.#maxBytesPerPeer, this.#maxBytes)
    );
  }

  /** Changes happen one after another: the index and the files must agree. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#lastChange.then(change);
    this.#lastChange = done.catch(() => {});
    return done;
  }
}

function assertDigest(digest: string, item: Uint8Array): void {
  if (isMetadataDigest(digest) && hasDigest(item, digest)) return;
  throw new CmcdError(
    'ERR_PEER_CACHE_DIGEST',
    'metadata item does not have the digest it is named by',
  );
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
