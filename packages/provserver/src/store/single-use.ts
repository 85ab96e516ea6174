import { toHex } from '@cmc/bytes';
import { certificateRecordOf } from './rows.ts';
import type { CertificateRecord, TokenCheck } from './store.ts';
import type { Database, TokenRow } from './tables.ts';

/** Whether a token counts for a key. */
export function tokenState(row: TokenRow, spkiSha256: string, now: Date): TokenCheck {
  const allowedNames = JSON.parse(row.allowed_names) as readonly string[];
  if (row.spent_at !== null) {
    if (row.spent_for !== spkiSha256) return { ok: false, reason: 'spent' };
    return { ok: true, allowedNames, spent: true };
  }
  if (now.getTime() >= row.expires_at) return { ok: false, reason: 'expired' };
  return { ok: true, allowedNames, spent: false };
}

/** The certificate that a token was spent for. */
export async function spentFor(from: Database, token: string): Promise<CertificateRecord> {
  const row = await from
    .selectFrom('certificates')
    .selectAll()
    .where('token', '=', token)
    .executeTakeFirstOrThrow();
  return certificateRecordOf(row);
}

/** `false` when the nonce is not one of ours, spent or expired. */
export async function spendNonce(from: Database, nonce: Uint8Array, now: Date): Promise<boolean> {
  const { numDeletedRows } = await from
    .deleteFrom('nonces')
    .where('nonce', '=', toHex(nonce))
    .where('expires_at', '>', now.getTime())
    .executeTakeFirst();
  return numDeletedRows === 1n;
}
