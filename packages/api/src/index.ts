export type { ApiAddress } from './addresses.ts';
export { formatAddress, MAX_SOCKET_PATH_BYTES, parseAddress } from './addresses.ts';
export type { ApiServer, CloseOptions, ServeOptions, StreamServeOptions } from './api-server.ts';
export type { ClientOptions, CmcClient } from './client.ts';
export type {
  AttestationRequest,
  AttestationResponse,
  CallOptions,
  Cmc,
  MeasureRequest,
  PeerCacheRequest,
  PeerCacheResponse,
  SuccessResponse,
  TlsCertRequest,
  TlsCertResponse,
  TlsCreateRequest,
  TlsCreateResponse,
  TlsKeyConfig,
  TlsSignRequest,
  TlsSignResponse,
  VerificationRequest,
  VerificationResponse,
} from './cmc.ts';
export type { ApiName, CmcClientOptions } from './create-cmc-client.ts';
export { createCmcClient } from './create-cmc-client.ts';
export type { ApiErrorCode, ApiErrorOptions } from './errors.ts';
export { ApiError } from './errors.ts';
export { MAX_SIGNED_MESSAGE_BYTES } from './limits.ts';
export { API_VERSION } from './messages.ts';
export { operations } from './operations.ts';
