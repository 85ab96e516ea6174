import type { NewAuditEntry, VendorCertificate } from './store.ts';
import type { Database } from './tables.ts';

/** Adds certificates of TPM vendors; how many were not there, or trusted otherwise. */
export async function addVendorCertificates(
  write: Database,
  certificates: readonly VendorCertificate[],
  now: Date,
  note: (entry: NewAuditEntry) => void,
): Promise<number> {
  let added = 0;
  for (const { sha256, subject, certificate, isRoot } of certificates) {
    const is_root = isRoot ? 1 : 0;
    const { numInsertedOrUpdatedRows } = await write
      .insertInto('vendor_certificates')
      .values({ sha256, subject, certificate, is_root, added_at: now.getTime() })
      .onConflict((conflict) =>
        conflict
          .column('sha256')
          .doUpdateSet({ is_root })
          .where('vendor_certificates.is_root', '<>', is_root),
      )
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows !== 1n) continue;
    added += 1;
    const details = { trust: isRoot ? 'root' : 'intermediate' };
    note({ action: 'vendor-certificate-added', subject: sha256, details });
  }
  return added;
}

/** All of them, or those with one subject. */
export async function findVendorCertificates(
  from: Database,
  subject?: string,
): Promise<readonly VendorCertificate[]> {
  const all = from.selectFrom('vendor_certificates').selectAll().orderBy('sha256');
  const rows = await (subject === undefined ? all : all.where('subject', '=', subject)).execute();
  return rows.map((row) => ({
    sha256: row.sha256,
    subject: row.subject,
    certificate: new Uint8Array(row.certificate),
    isRoot: row.is_root === 1,
  }));
}

/** `false` when there is no such certificate. */
export async function removeVendorCertificate(
  write: Database,
  sha256: string,
  note: (entry: NewAuditEntry) => void,
): Promise<boolean> {
  const { numDeletedRows } = await write
    .deleteFrom('vendor_certificates')
    .where('sha256', '=', sha256)
    .executeTakeFirst();
  if (numDeletedRows !== 1n) return false;
  note({ action: 'vendor-certificate-removed', subject: sha256 });
  return true;
}
