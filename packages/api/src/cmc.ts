import type { AttestationResult, Component, Serialization } from '@cmc/attestationreport';

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /**
   * Serialization of the attestation report that {@link Cmc.attest} makes. Clients of the socket
   * and CoAP APIs send their requests in it too; gRPC always yields CBOR. Default `cbor`.
   */
  readonly serialization?: Serialization;
}

export interface AttestationRequest {
  /** Freshness chosen by the verifier, 8 to 64 bytes. */
  readonly nonce: Uint8Array;
  /** Lower-case hex digests of metadata that the verifier has already. */
  readonly cached?: readonly string[];
}
export interface AttestationResponse {
  /** Encoded attestation report. */
  readonly report: Uint8Array;
}

export interface VerificationRequest {
  readonly nonce: Uint8Array;
  readonly report: Uint8Array;
  /** Peer id: lower-case hex SHA-256 of the peer's TLS certificate (DER), or empty. */
  readonly peer?: string;
  /** Address of the peer, `host:port`, copied into the result. */
  readonly peerAddr?: string;
  /** Source of a policy script. */
  readonly policies?: Uint8Array;
}
export interface VerificationResponse {
  /** A failed attestation is a result with `summary.status` `fail`, never an error. */
  readonly result: AttestationResult;
}

/** Type and algorithm of a TLS key and what its certificate shall say. */
export interface TlsKeyConfig {
  readonly type: 'sw' | 'tpm';
  readonly alg: 'EC256' | 'EC384' | 'EC521' | 'RSA2048' | 'RSA4096';
  readonly cn: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}
export interface TlsCreateRequest {
  readonly keyConfig: TlsKeyConfig;
}
export interface TlsCreateResponse {
  /** UUID of the key. */
  readonly keyId: string;
}

export interface TlsSignRequest {
  readonly keyId: string;
  /** The digest to sign. */
  readonly content: Uint8Array;
  /** Hash that made the digest: `SHA-256`, `SHA-384` or `SHA-512`. */
  readonly hashAlg: string;
  /**
   * The message that `content` is the digest of, at most 1,024 bytes. With it a daemon can sign
   * faster and in constant time. Other implementations do not know it and sign `content`.
   */
  readonly message?: Uint8Array;
  /**
   * How an RSA key signs, with a salt as long as the digest. Default: PKCS #1 v1.5. Other
   * implementations do not know it and sign so all the same: verify what they answer.
   */
  readonly scheme?: 'rsa-pss';
}
export interface TlsSignResponse {
  /** ECDSA: DER. RSA: PKCS #1 v1.5, or PSS when the request says so. */
  readonly signedContent: Uint8Array;
}

export interface TlsCertRequest {
  readonly keyId: string;
}
export interface TlsCertResponse {
  /** PEM texts, one certificate each, leaf first. */
  readonly certificate: readonly Uint8Array[];
}

export interface PeerCacheRequest {
  readonly peer: string;
}
export interface PeerCacheResponse {
  /** Lower-case hex digests. */
  readonly cache: readonly string[];
}

export interface MeasureRequest {
  readonly event: Component;
}
export interface SuccessResponse {
  readonly success: boolean;
}

/**
 * The CMC Interface: what a daemon offers over gRPC, CoAP and sockets, and `createCmc()` in
 * process. Every method rejects with a `CmcError`; a failed attestation is not an error.
 */
export interface Cmc {
  attest(request: AttestationRequest, options?: CallOptions): Promise<AttestationResponse>;
  verify(request: VerificationRequest, options?: CallOptions): Promise<VerificationResponse>;
  tlsCreate(request: TlsCreateRequest, options?: CallOptions): Promise<TlsCreateResponse>;
  tlsSign(request: TlsSignRequest, options?: CallOptions): Promise<TlsSignResponse>;
  tlsCert(request: TlsCertRequest, options?: CallOptions): Promise<TlsCertResponse>;
  peerCache(request: PeerCacheRequest, options?: CallOptions): Promise<PeerCacheResponse>;
  measure(request: MeasureRequest, options?: CallOptions): Promise<SuccessResponse>;
  updateCerts(options?: CallOptions): Promise<SuccessResponse>;
  updateMetadata(options?: CallOptions): Promise<SuccessResponse>;
}
