export type { SoftwareDriverErrorCode } from './errors.ts';
export { SoftwareDriverError } from './errors.ts';
export type { PrivateKeyInput, SoftwareKeyAlgorithm } from './key/software-key.ts';
export { createSoftwareKey } from './key/software-key.ts';
export type { SoftwareSignerOptions } from './key/software-signer.ts';
export { softwareSigner } from './key/software-signer.ts';
