import type { KeyObject } from 'node:crypto';
import type { TlsKeyConfig } from '@cmc/api';
import type { WaitOptions } from '@cmc/attestationreport';

/** Makes an attestation report with this nonce. */
export type MakeReport = (nonce: Uint8Array, options?: WaitOptions) => Promise<Uint8Array>;

/** A key in the memory of this process. */
export interface SoftwareKey {
  readonly type: 'sw';
  readonly privateKey: KeyObject;
}

/** What shows that a key is in a TPM: TPM2_Certify by the attestation key, TPM 2.0 Part 3. */
export interface TpmKeyCertification {
  /** TPMT_PUBLIC of the key. */
  readonly ikPublic: Uint8Array;
  /** TPMS_CREATION_DATA of it; may be empty. */
  readonly ikCreateData: Uint8Array;
  /** TPMS_ATTEST of type certify. */
  readonly ikAttestation: Uint8Array;
  /** TPMT_SIGNATURE by the attestation key. */
  readonly ikSignature: Uint8Array;
  /** TPMT_PUBLIC of the attestation key. */
  readonly akPublic: Uint8Array;
}

/** A key in a TPM. */
export interface TpmKey {
  readonly type: 'tpm';
  readonly certification: TpmKeyCertification;
}

/** What the source of a key can show about it. */
export type EnrollmentKey = SoftwareKey | TpmKey;

/** A certificate wanted for a TLS key. */
export interface EnrollmentRequest {
  readonly key: EnrollmentKey;
  /** PKCS #10 request, DER, signed by the key. */
  readonly csr: Uint8Array;
  /** SubjectPublicKeyInfo of the key, DER. */
  readonly publicKey: Uint8Array;
  /** What the key is and which names are wanted. */
  readonly keyConfig: TlsKeyConfig;
  /** The chain, DER, leaf first, that the new certificate is to replace; absent for a new key. */
  readonly renews?: readonly Uint8Array[];
  readonly report: MakeReport;
}

/** Gets certificates for TLS keys. */
export interface Enroller {
  /**
   * The certificate and its chain, DER, leaf first. Asked again for the same key, it may give the
   * certificate that it gave before. Rejects with a `CmcError`.
   */
  enroll(request: EnrollmentRequest, options?: WaitOptions): Promise<readonly Uint8Array[]>;
}
