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
export type { ApiErrorCode, ApiErrorOptions } from './errors.ts';
export { ApiError } from './errors.ts';
