/** Body of a request, bytes. */
export const MAX_REQUEST_BYTES: number = 64 * 1024;
/** Manifests of one request. */
export const MAX_MANIFESTS = 256;
/** File with one status, bytes. */
export const MAX_STATUS_BYTES: number = 16 * 1024;
/** Time for which a statement is valid when its file does not say it, ms. */
export const DEFAULT_VALIDITY_MS: number = 24 * 60 * 60_000;
