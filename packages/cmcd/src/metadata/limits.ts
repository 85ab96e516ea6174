/** One metadata item, bytes. */
export const MAX_ITEM_BYTES: number = 16 * 1024 * 1024;

/** All items of all locations. */
export const MAX_ITEMS = 1024;
export const MAX_TOTAL_BYTES: number = 64 * 1024 * 1024;

/** A directory listing of a server, bytes. */
export const MAX_LISTING_BYTES: number = 1024 * 1024;

/** Directories below the one that is configured, on a server. */
export const MAX_DIRECTORY_DEPTH = 4;

/** Redirections of one request. */
export const MAX_REDIRECTS = 3;

/** Time for all of one location. */
export const LOCATION_TIMEOUT_MS = 30_000;
