import type { RevocationReasonName } from '@cmc/est';
import type {
  AuditEntry,
  CertificateRecord,
  IssueMethod,
  NewCertificate,
  TokenRecord,
} from './store.ts';
import type { AuditRow, CertificateRow, TokenRow } from './tables.ts';

/** Row of a certificate that is issued now. */
export function certificateRowOf(
  certificate: NewCertificate,
  sequence: number,
  now: Date,
): CertificateRow {
  return {
    sequence,
    serial: certificate.serial,
    certificate: certificate.certificate,
    subject: certificate.subject,
    names: JSON.stringify(certificate.names),
    spki_sha256: certificate.spkiSha256,
    not_before: certificate.notBefore.getTime(),
    not_after: certificate.notAfter.getTime(),
    issued_at: now.getTime(),
    method: certificate.method,
    device: certificate.device ?? null,
    token: certificate.token ?? null,
    revoked_at: null,
    revocation_reason: null,
  };
}

export function certificateRecordOf(row: CertificateRow): CertificateRecord {
  return {
    serial: row.serial,
    // Databases give views of larger buffers, or ArrayBuffers.
    certificate: new Uint8Array(row.certificate),
    subject: row.subject,
    names: JSON.parse(row.names) as readonly string[],
    spkiSha256: row.spki_sha256,
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
    issuedAt: new Date(row.issued_at),
    method: row.method as IssueMethod,
    ...(row.device === null ? {} : { device: row.device }),
    ...(row.token === null ? {} : { token: row.token }),
    ...(row.revoked_at === null
      ? {}
      : {
          revoked: {
            at: new Date(row.revoked_at),
            reason: row.revocation_reason as RevocationReasonName,
          },
        }),
  };
}

export function tokenRecordOf(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    allowedNames: JSON.parse(row.allowed_names) as readonly string[],
    expiresAt: new Date(row.expires_at),
    createdAt: new Date(row.created_at),
    ...(row.spent_at === null ? {} : { spentAt: new Date(row.spent_at) }),
    ...(row.note === null ? {} : { note: row.note }),
  };
}

export function auditEntryOf(row: AuditRow): AuditEntry {
  return {
    sequence: row.sequence,
    at: new Date(row.at),
    action: row.action,
    subject: row.subject,
    details: JSON.parse(row.details) as Readonly<Record<string, string>>,
    hash: row.hash,
  };
}
