/** Longest message, request or response, over gRPC and sockets. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/** Longest request that carries no report. */
export const MAX_SMALL_REQUEST_BYTES: number = 1024 * 1024;

/** Time a client waits for an answer, connecting included. */
export const DEFAULT_TIMEOUT_MS = 10_000;

/** Time a server gives a peer to deliver one complete request, and to take one response. */
export const DEFAULT_TRANSFER_TIMEOUT_MS = 10_000;

/** Time a server gives one call before it aborts it. */
export const DEFAULT_CALL_TIMEOUT_MS = 30_000;

/** Calls that one server runs at the same time; more are refused. */
export const DEFAULT_MAX_CALLS = 256;

/** Connections that one server holds; more are closed at once. */
export const DEFAULT_MAX_CONNECTIONS = 1024;

/** Memory for the messages of all connections of one server, complete or not. */
export const DEFAULT_MAX_BUFFERED_BYTES: number = 128 * 1024 * 1024;

/** Time that running calls get when a server closes. */
export const DEFAULT_GRACE_MS = 5_000;

/** Longest time that fits a timer. */
export const MAX_TIMEOUT_MS = 0x7fff_ffff;

/** Bounds of a nonce, bytes. */
export const MIN_NONCE_BYTES = 8;
export const MAX_NONCE_BYTES = 64;

/** Digests in one list (`cached`, `cache`). */
export const MAX_DIGESTS = 4096;

/** Longest `host:port` of a peer, and common name of a certificate (X.520, ub-common-name). */
export const MAX_PEER_ADDRESS_CHARACTERS = 300;
export const MAX_COMMON_NAME_CHARACTERS = 64;

/** DNS names, and IP addresses, of one TLS key. */
export const MAX_SUBJECT_NAMES = 100;

/** Longest digest, and longest signature (RSA-4096), bytes. */
export const MAX_DIGEST_BYTES = 64;
export const MAX_SIGNATURE_BYTES = 512;

/** Longest message that a TLS key signs whole, bytes; of a longer one the digest only is sent. */
export const MAX_SIGNED_MESSAGE_BYTES = 1024;

/** Longest policy script, bytes. */
export const MAX_POLICY_BYTES: number = 1024 * 1024;

/** Certificates of one TLS key, and the longest of them as PEM. */
export const MAX_CERTIFICATES = 16;
export const MAX_CERTIFICATE_BYTES: number = 64 * 1024;
