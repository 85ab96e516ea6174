export type { TpmInfo } from './command/capabilities.ts';
export { TpmCapabilities } from './command/capabilities.ts';
export type { ChannelOptions } from './command/channel.ts';
export { TPM_CC, TPM_HT, TPM_PT, TPM_RH, TPMA_NV } from './command/constants.ts';
export type {
  Authorization,
  AuthorizedOptions,
  CommandOptions,
  Entity,
} from './command/entity.ts';
export { permanentEntity } from './command/entity.ts';
export type { HashedData } from './command/hash-sequence.ts';
export type { Hierarchy } from './command/hierarchy.ts';
export { hierarchyEntity } from './command/hierarchy.ts';
export type { NvDefineOptions, NvOptions, TpmsNvPublic } from './command/nv.ts';
export { TpmNv } from './command/nv.ts';
export type { CreatedObject, CreateOptions, Creation } from './command/objects.ts';
export { TpmObject } from './command/objects.ts';
export type { BankDigests } from './command/pcr.ts';
export { TpmPcrs } from './command/pcr.ts';
export type { ResponseCode } from './command/response-code.ts';
export { decodeResponseCode, describeResponseCode } from './command/response-code.ts';
export type { ParameterEncryption, SessionType } from './command/session.ts';
export { Session } from './command/session.ts';
export type { SessionOptions } from './command/start-session.ts';
export type { Attestation, AttestOptions, SignOptions } from './command/tpm.ts';
export { Tpm } from './command/tpm.ts';
export type { ActivateOptions, EkSessionOptions, EndorsementOptions } from './endorsement-key.ts';
export {
  activateCredential,
  openEndorsementKey,
  readEkCertificate,
  startEkSession,
  trimCertificate,
} from './endorsement-key.ts';
export type { TpmErrorCode, TpmErrorOptions } from './errors.ts';
export { isTpmResponse, TpmError } from './errors.ts';
export type { KeyTemplateOptions } from './key-templates.ts';
export { keyTemplate, storageKeyTemplate } from './key-templates.ts';
export type { OpenTpmOptions } from './open-tpm.ts';
export { openTpm } from './open-tpm.ts';
