import type { TlsKeyConfig } from '@cmc/api';
import type { WaitOptions } from '@cmc/attestationreport';

/** A certificate wanted for a new TLS key. */
export interface EnrollmentRequest {
  /** PKCS #10 request, DER, signed by the new key. */
  readonly csr: Uint8Array;
  /** SubjectPublicKeyInfo of the new key, DER. */
  readonly publicKey: Uint8Array;
  /** What the key is and which names are wanted. */
  readonly keyConfig: TlsKeyConfig;
  /** Makes an attestation report with the SHA-256 of {@link publicKey} as nonce. */
  report(options?: WaitOptions): Promise<Uint8Array>;
}

/** Gets certificates for TLS keys. */
export interface Enroller {
  /** The certificate and its chain, DER, leaf first. Rejects with a `CmcError`. */
  enroll(request: EnrollmentRequest, options?: WaitOptions): Promise<readonly Uint8Array[]>;
}
