export type { CmcKeysOptions, CmcMeasurer, CmcOptions, LocalCmc } from './cmc/create-cmc.ts';
export { createCmc } from './cmc/create-cmc.ts';
export type { CmcDemands } from './cmc/demands.ts';
export type { OwnMetadata } from './cmc/metadata-set.ts';
export type { MetadataVersionsOptions } from './cmc/metadata-versions.ts';
export { openMetadataVersions } from './cmc/metadata-versions.ts';
export type { FetchRevocation } from './cmc/revocation-cache.ts';
export type { TpmClocksOptions } from './cmc/tpm-clocks.ts';
export { openTpmClocks } from './cmc/tpm-clocks.ts';
export type { CmcdErrorCode } from './errors.ts';
export { CmcdError } from './errors.ts';
export type {
  Enroller,
  EnrollmentKey,
  EnrollmentRequest,
  MakeReport,
  SoftwareKey,
  TpmKey,
  TpmKeyCertification,
} from './keys/enroller.ts';
export type { EstEnrollerOptions } from './keys/est-enroller.ts';
export { createEstEnroller } from './keys/est-enroller.ts';
export type { KeyManagerState } from './keys/key-manager.ts';
export type { LocalEnrollerOptions } from './keys/local-enroller.ts';
export { createLocalEnroller } from './keys/local-enroller.ts';
export type { RevocationOptions } from './metadata/revocation.ts';
export { fetchRevocation } from './metadata/revocation.ts';
export type { MetadataLocationsOptions, MetadataSource } from './metadata/source.ts';
export { createMetadataSource } from './metadata/source.ts';
export type { PeerCache, PeerCacheOptions, PeerCacheSize } from './peer-cache/peer-cache.ts';
export { openPeerCache } from './peer-cache/peer-cache.ts';
