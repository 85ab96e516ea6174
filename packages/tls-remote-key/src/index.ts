export type { RemoteKeyErrorCode } from './errors.ts';
export { RemoteKeyError } from './errors.ts';
export type { RemoteKeys } from './open.ts';
export { openRemoteKeys } from './open.ts';
export type { RemoteKey, RemoteKeyOptions } from './remote-key.ts';
export type { BlockingSigner, HashName, SignatureScheme, SignRequest } from './sign-request.ts';
export type { SignerThread, SignerThreadOptions } from './signer-thread.ts';
export { startSignerThread } from './signer-thread.ts';
