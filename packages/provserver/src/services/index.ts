export type { AmdServiceOptions } from './amd/amd-service.ts';
export { createAmdService } from './amd/amd-service.ts';
export type { MetadataServiceOptions } from './metadata/metadata-service.ts';
export { createMetadataService, INDEX_TYPE } from './metadata/metadata-service.ts';
export type { OmspServiceOptions } from './omsp/omsp-service.ts';
export { createOmspService } from './omsp/omsp-service.ts';
export type { ManifestStatus, StoredStatus } from './omsp/status-folder.ts';
export { MANIFEST_STATUSES, readStatus, writeStatus } from './omsp/status-folder.ts';
