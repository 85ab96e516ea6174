/** Authorisations that may fail in a row, for one client address. */
export const MAX_FAILURES = 20;
/** After so long one more may fail, ms. */
export const FAILURE_PAUSE_MS = 6_000;
/** Addresses whose failures are remembered. */
export const MAX_FAILING_ADDRESSES = 10_000;
/** Refusals of all clients in a row that are written to the audit trail; the log has them all. */
export const MAX_AUDITED_REFUSALS = 1_000;
export const AUDITED_REFUSAL_PAUSE_MS = 1_000;

/** Alternative names in one request. */
export const MAX_NAMES = 32;
/** RFC 5280, appendix A.1, characters. */
export const MAX_COMMON_NAME = 64;
export const MIN_RSA_BITS = 2048;
export const MAX_RSA_BITS = 4096;

export const DEFAULT_CERTIFICATE_DAYS = 180;
/** Reasons of a refused report in an answer, characters. */
export const MAX_REASON_CHARACTERS = 1_000;

/** Metadata items whose versions are remembered: only those with a trusted signature count. */
export const MAX_METADATA_VERSIONS = 65_536;
/** How long what other servers accepted may be unknown, ms. */
export const VERSIONS_FRESH_MS = 5_000;

/** Nonces of one client address that are not spent; see also `MAX_NONCES` of the store. */
export const MAX_NONCES_PER_ADDRESS = 1_000;
export const NONCE_LIFETIME_MS: number = 5 * 60_000;
/** For one target of published results, ms: devices wait for it. */
export const PUBLISH_TIMEOUT_MS = 5_000;
