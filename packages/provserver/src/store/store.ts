import type { RevocationReasonName } from '@cmc/est';

/** By what a certificate was authorised. */
export type IssueMethod =
  | 'token'
  | 'certificate'
  | 'attestation'
  | 'tpm-activate'
  | 'tpm-certify'
  | 'reenroll'
  | 'open';

/** A one-time secret that lets its holder enroll one key. */
export interface NewToken {
  /** What names it in records; not secret. */
  readonly id: string;
  /** SHA-256 of the secret: the secret itself is not stored. */
  readonly secretHash: Uint8Array;
  readonly expiresAt: Date;
  /** DNS names, IP addresses and common names that it may be used for; `*` for any. */
  readonly allowedNames: readonly string[];
  readonly note?: string;
}

export interface TokenRecord extends Omit<NewToken, 'secretHash'> {
  readonly createdAt: Date;
  /** When a certificate was issued for it. */
  readonly spentAt?: Date;
}

/** Why a token does not count. */
export type TokenRefusal = 'unknown' | 'expired' | 'spent';

export type TokenCheck =
  /** `spent` when a certificate for this very key was issued for it already. */
  | { readonly ok: true; readonly allowedNames: readonly string[]; readonly spent: boolean }
  | { readonly ok: false; readonly reason: TokenRefusal };

/** A certificate that was made and has not left the server. */
export interface NewCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  /** The certificate, DER. */
  readonly certificate: Uint8Array;
  /** Text for people. */
  readonly subject: string;
  readonly names: readonly string[];
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly method: IssueMethod;
  /** What it was issued to, as far as that is known. */
  readonly device?: string;
  /** Id of the token that is spent for it. */
  readonly token?: string;
  /** Nonce of the server that is spent for it. */
  readonly nonce?: Uint8Array;
  /** That of an attestation key, which is registered with its device. */
  readonly attestationKey?: AttestationKey;
}

export interface CertificateRecord extends Omit<NewCertificate, 'nonce' | 'attestationKey'> {
  readonly issuedAt: Date;
  readonly revoked?: { readonly at: Date; readonly reason: RevocationReasonName };
}

/** `device` when it, or its attestation key, is known with other keys (R49). */
export type IssueRefusal = TokenRefusal | 'nonce' | 'device';

export type IssueOutcome =
  | { readonly state: 'issued' | 'already-issued'; readonly record: CertificateRecord }
  | { readonly state: 'refused'; readonly reason: IssueRefusal };

export interface ListOptions {
  readonly state?: 'valid' | 'expired' | 'revoked';
  readonly device?: string;
  /** At most so many, oldest first. */
  readonly limit: number;
  /** Serial of the last one of the page before. */
  readonly after?: string;
  readonly now: Date;
}

/**
 * An attestation key that a certificate was made for, released only under a credential for it and the
 * endorsement key. Device, endorsement key and attestation key belong together from then on.
 */
export interface AttestationKey {
  /** TPM name, lower-case hex. */
  readonly name: string;
  /** TPMT_PUBLIC. */
  readonly publicKey: Uint8Array;
  /** Device that it is in. */
  readonly device: string;
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo of the endorsement key. */
  readonly ekSha256: string;
}

/** A certificate of a TPM vendor, under which endorsement certificates are accepted. */
export interface VendorCertificate {
  /** Lower-case hex SHA-256 of the certificate. */
  readonly sha256: string;
  /** Name, DER as lower-case hex. */
  readonly subject: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** Whether it is trusted; otherwise it only helps to get to one that is. */
  readonly isRoot: boolean;
}

/** The newest version of a metadata item that was accepted. */
export interface MetadataVersion {
  readonly type: string;
  readonly name: string;
  /** RFC 3339 in UTC with nine digits of fraction, so that the order of texts is that of times. */
  readonly version: string;
}

export interface NewAuditEntry {
  /** What happened: `certificate-issued`, `enrollment-refused`, ... */
  readonly action: string;
  /** Whom or what it is about. */
  readonly subject: string;
  /** Short texts; never a secret. */
  readonly details?: Readonly<Record<string, string>>;
}

/** One line of the audit trail. Each holds the hash of the one before. */
export interface AuditEntry {
  /** 1, 2, 3, ... without a gap. */
  readonly sequence: number;
  readonly at: Date;
  readonly action: string;
  readonly subject: string;
  readonly details: Readonly<Record<string, string>>;
  /** SHA-256 over the hash of the entry before and this entry, lower-case hex. */
  readonly hash: string;
}

/**
 * What the server remembers. Every method is atomic, also with several servers on one database, and
 * each that changes something writes the audit trail in the same transaction.
 */
export interface Store extends AsyncDisposable {
  createToken(token: NewToken, now: Date): Promise<void>;
  /** Compares in constant time; spends nothing. */
  checkToken(
    id: string,
    secretHash: Uint8Array,
    spkiSha256: string,
    now: Date,
  ): Promise<TokenCheck>;
  listTokens(limit: number): Promise<readonly TokenRecord[]>;

  /**
   * Records a certificate before it leaves the server, and spends its token and nonce. A token that
   * was spent for the same key gives the certificate of then: an answer that got lost can be asked
   * for again, and makes no second certificate.
   */
  issueCertificate(certificate: NewCertificate, now: Date): Promise<IssueOutcome>;
  /**
   * The newest certificate for a key with just this subject and these names that is not revoked and
   * has most of its life before it.
   */
  currentCertificate(
    wanted: Pick<NewCertificate, 'spkiSha256' | 'subject' | 'names' | 'method'>,
    now: Date,
  ): Promise<CertificateRecord | undefined>;
  certificate(serial: string): Promise<CertificateRecord | undefined>;
  /** Whether a certificate for this key was revoked because others have the key, too. */
  isCompromised(spkiSha256: string): Promise<boolean>;
  listCertificates(options: ListOptions): Promise<readonly CertificateRecord[]>;
  /** `false` when there is no such certificate, or it is revoked already. */
  revokeCertificate(serial: string, reason: RevocationReasonName, now: Date): Promise<boolean>;
  /** Revoked certificates that have not expired, and the number of the list that is made of them. */
  nextCrl(now: Date): Promise<{
    readonly number: bigint;
    readonly revoked: readonly CertificateRecord[];
  }>;

  attestationKey(name: string): Promise<AttestationKey | undefined>;
  /** Lets a device come with other keys; `false` when it is not known. */
  forgetDevice(id: string, now: Date): Promise<boolean>;

  /** How many were not there, or trusted otherwise. */
  addVendorCertificates(certificates: readonly VendorCertificate[], now: Date): Promise<number>;
  /** All of them, or those with one subject. */
  vendorCertificates(subject?: string): Promise<readonly VendorCertificate[]>;
  /** `false` when there is no such certificate. */
  removeVendorCertificate(sha256: string, now: Date): Promise<boolean>;

  /** `false` when there are too many that have not expired. */
  createNonce(nonce: Uint8Array, expiresAt: Date, now: Date): Promise<boolean>;
  /** Whether the nonce is one of ours and neither spent nor expired. Spends nothing. */
  checkNonce(nonce: Uint8Array, now: Date): Promise<boolean>;
  /** Spends a nonce where nothing is issued for it; `false` as for {@link Store.checkNonce}. */
  spendNonce(nonce: Uint8Array, now: Date): Promise<boolean>;

  /** The newest metadata accepted, by all servers on one database. */
  metadataVersions(): Promise<readonly MetadataVersion[]>;
  /** Keeps the newer one of this and what is there. */
  rememberMetadataVersion(version: MetadataVersion): Promise<void>;

  audit(entry: NewAuditEntry, now: Date): Promise<void>;
  auditTrail(options: {
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly AuditEntry[]>;
}
