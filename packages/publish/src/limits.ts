/** Time for one request, ms. */
export const DEFAULT_TIMEOUT_MS = 15_000;
/** Findings that are sent for one result. */
export const MAX_FINDINGS = 100;
/** Requests with findings that are under way at once. */
export const MAX_CONCURRENT_FINDINGS = 4;
/** Bytes of the answer of a server that are read, for the message about a refusal. */
export const MAX_RESPONSE_BYTES = 1024;
/** Size of the files of token, certificate and key, bytes. */
export const MAX_CREDENTIAL_BYTES: number = 64 * 1024;
/** Characters of a text of the prover in a finding. */
export const MAX_TEXT_LENGTH = 1024;
