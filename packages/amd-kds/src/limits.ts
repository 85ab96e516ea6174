/** A certificate of a chip, bytes. */
export const MAX_VCEK_BYTES: number = 16 * 1024;
/** A PEM chain of two certificates, bytes. */
export const MAX_CHAIN_BYTES: number = 64 * 1024;

/** Different requests that are under way at once. */
export const MAX_IN_FLIGHT = 64;
/** Attempts of one request. */
export const MAX_ATTEMPTS = 4;
/** Time for one answer, all attempts and pauses included, ms. */
export const DEFAULT_DEADLINE_MS = 60_000;
/** Time for one attempt, ms. */
export const ATTEMPT_TIMEOUT_MS = 15_000;
/** First pause after an attempt that failed; each next one is twice as long. */
export const DEFAULT_BACKOFF_MS = 1_000;
/** Pause that the service wants after it refused for too many requests, when it names none. */
export const TOO_MANY_REQUESTS_PAUSE_MS = 21_000;
/** A longer pause is not believed. */
export const MAX_RETRY_AFTER_MS: number = 60 * 60_000;

/** Certificates and chains that are kept. */
export const DEFAULT_CACHE_ENTRIES = 4096;
/** Time for which a revocation list is given out without asking for a newer one, ms. */
export const CRL_FRESH_MS: number = 60 * 60_000;
