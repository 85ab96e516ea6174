/** Peers whose metadata is kept; the one not used for longest goes first. */
export const MAX_CACHED_PEERS = 1024;

/** Metadata items of one peer. A peer with more is not cached. */
export const MAX_CACHED_ITEMS_PER_PEER = 256;

/** Metadata of one peer, bytes. A peer with more is not cached. */
export const MAX_CACHED_BYTES_PER_PEER: number = 16 * 1024 * 1024;

/** Metadata of all peers, bytes. */
export const MAX_CACHED_BYTES: number = 64 * 1024 * 1024;
