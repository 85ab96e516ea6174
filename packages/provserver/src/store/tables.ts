import type { Insertable, Kysely, Selectable } from 'kysely';

/*
 * Columns hold only what both databases have alike: texts, integers up to 2^53 and blobs. Times are
 * milliseconds since 1970, lists and details are JSON.
 */

interface TokensTable {
  id: string;
  secret_hash: Uint8Array;
  allowed_names: string;
  expires_at: number;
  created_at: number;
  spent_at: number | null;
  /** SHA-256 of the key that it was spent for. */
  spent_for: string | null;
  note: string | null;
}

interface CertificatesTable {
  /** Order of issuing. */
  sequence: number;
  serial: string;
  certificate: Uint8Array;
  subject: string;
  names: string;
  spki_sha256: string;
  not_before: number;
  not_after: number;
  issued_at: number;
  method: string;
  device: string | null;
  token: string | null;
  revoked_at: number | null;
  revocation_reason: string | null;
}

interface DevicesTable {
  id: string;
  key_sha256: string;
  registered_at: number;
}

interface AttestationKeysTable {
  /** TPM name, lower-case hex. */
  name: string;
  public_key: Uint8Array;
  device: string;
  ek_sha256: string;
  /** When a certificate was made for it, under a credential that only its TPM opens. */
  activated_at: number;
}

/** Whom endorsement certificates are accepted from. */
interface VendorCertificatesTable {
  /** Of the certificate, lower-case hex. */
  sha256: string;
  /** Name, DER as lower-case hex. */
  subject: string;
  certificate: Uint8Array;
  /** 1 or 0. */
  is_root: number;
  added_at: number;
}

interface NoncesTable {
  /** Lower-case hex. */
  nonce: string;
  expires_at: number;
}

interface MetadataVersionsTable {
  type: string;
  name: string;
  /** RFC 3339 in UTC with nine digits of fraction: the order of texts is that of times. */
  version: string;
}

interface AuditTable {
  sequence: number;
  at: number;
  action: string;
  subject: string;
  details: string;
  hash: string;
}

/** One row: its lock puts all writers, of all servers, in one order. */
interface HeadTable {
  id: number;
  schema_version: number;
  /** Number of the last entry of the audit trail, and its hash. */
  audit_sequence: number;
  audit_hash: string;
  crl_number: number;
}

export interface Tables {
  tokens: TokensTable;
  certificates: CertificatesTable;
  devices: DevicesTable;
  attestation_keys: AttestationKeysTable;
  vendor_certificates: VendorCertificatesTable;
  nonces: NoncesTable;
  metadata_versions: MetadataVersionsTable;
  audit: AuditTable;
  head: HeadTable;
}

export type TokenRow = Selectable<TokensTable>;
export type CertificateRow = Selectable<CertificatesTable>;
export type NewCertificateRow = Insertable<CertificatesTable>;
export type AuditRow = Selectable<AuditTable>;
export type Database = Kysely<Tables>;
