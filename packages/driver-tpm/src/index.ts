export type { OpenTpm, TpmAccess, TpmWork } from './device/tpm-access.ts';
export { createTpmAccess, deviceOpener } from './device/tpm-access.ts';
export type { TpmDriverErrorCode } from './errors.ts';
export { TpmDriverError } from './errors.ts';
export type { AttestationKeyAlgorithm } from './key/attestation-key.ts';
export type {
  AttestationKeyEndorser,
  AttestationKeyRequest,
  TpmIdentity,
} from './key/endorser.ts';
export type { KeyBlob } from './key/key-blob.ts';
export { decodeKeyBlob, encodeKeyBlob } from './key/key-blob.ts';
export type { TlsKeyAlgorithm } from './key/tls-key.ts';
export type { ReadableContainerLog } from './log/container-events.ts';
export type { AppendableContainerLog } from './log/measured-container-log.ts';
export { measuredContainerLog } from './log/measured-container-log.ts';
export type { Bank } from './log/snapshot.ts';
export type { TpmDriver, TpmDriverOptions, TpmTlsKeys } from './tpm-driver.ts';
export { createTpmDriver } from './tpm-driver.ts';
