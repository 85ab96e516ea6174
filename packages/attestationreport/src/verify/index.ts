export { MAX_METADATA_ITEMS } from './collect-metadata.ts';
export type { TpmClock, TpmClockStore } from './evidence/tpm-clock.ts';
export { OMSP_MAX_AGE_HOURS } from './metadata-entry.ts';
export { createNonce, MAX_NONCE_BYTES, MIN_NONCE_BYTES } from './nonce.ts';
export type { Verification, VerifyOptions } from './options.ts';
export { verify } from './verify.ts';
export type { MetadataVersionStore } from './version-store.ts';
