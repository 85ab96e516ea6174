/** Longest endorsement certificate that a vendor's service may answer with, bytes. */
export const MAX_EK_ANSWER_BYTES = 16_384;
/** For one answer of a vendor's service, ms: less than what a request may take. */
export const EK_FETCH_TIMEOUT_MS = 5_000;
/** Answers of vendors' services that are waited for at once. */
export const MAX_EK_FETCHES = 8;
/** Issuers that are looked up above one endorsement certificate. */
export const MAX_EK_ISSUERS = 16;
/** Longest database of the reference that is imported, bytes. */
export const MAX_IMPORT_BYTES: number = 16 * 1024 * 1024;
/** Bytes of the secret under which an attestation key certificate is released. */
export const ACTIVATION_SECRET_BYTES = 32;
/** Nine parts, of which the request has 64 KiB at most and the others 8 KiB each, in base64. */
export const MAX_ACTIVATE_BODY_BYTES: number = 256 * 1024;
