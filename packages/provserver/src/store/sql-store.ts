import { timingSafeEqual } from 'node:crypto';
import { toHex } from '@cmc/bytes';
import type { RevocationReasonName } from '@cmc/est';
import type { Transaction } from 'kysely';
import { auditHash } from './audit-hash.ts';
import { boundedEntry } from './bounded-entry.ts';
import { findAttestationKey, forgetDevice, registerAttestationKey } from './devices.ts';
import { MAX_NONCES, MAX_PAGE, REUSE_LIFE_LEFT } from './limits.ts';
import { auditEntryOf, certificateRecordOf, certificateRowOf, tokenRecordOf } from './rows.ts';
import { spendNonce, spentFor, tokenState } from './single-use.ts';
import type {
  AttestationKey,
  AuditEntry,
  CertificateRecord,
  IssueOutcome,
  ListOptions,
  MetadataVersion,
  NewAuditEntry,
  NewCertificate,
  NewToken,
  Store,
  TokenCheck,
  TokenRecord,
  VendorCertificate,
} from './store.ts';
import type { Database, Tables, TokenRow } from './tables.ts';
import { transact } from './transact.ts';
import {
  addVendorCertificates,
  findVendorCertificates,
  removeVendorCertificate,
} from './vendor-certificates.ts';

type Write = Transaction<Tables>;
type Note = (entry: NewAuditEntry) => void;

/** A {@link Store} in a database that was migrated. */
export class SqlStore implements Store {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async createToken(token: NewToken, now: Date): Promise<void> {
    await this.#write(now, async (write, note) => {
      await write
        .insertInto('tokens')
        .values({
          id: token.id,
          secret_hash: token.secretHash,
          allowed_names: JSON.stringify(token.allowedNames),
          expires_at: token.expiresAt.getTime(),
          created_at: now.getTime(),
          spent_at: null,
          spent_for: null,
          note: token.note ?? null,
        })
        .execute();
      note({
        action: 'token-created',
        subject: token.id,
        details: {
          names: token.allowedNames.join(' '),
          expiresAt: token.expiresAt.toISOString(),
        },
      });
    });
  }

  async checkToken(
    id: string,
    secretHash: Uint8Array,
    spkiSha256: string,
    now: Date,
  ): Promise<TokenCheck> {
    const row = await this.#token(this.#database, id);
    // Also without a row there is a comparison, so that time does not tell which ids exist.
    const expected = row?.secret_hash ?? new Uint8Array(secretHash.length);
    const equal = expected.length === secretHash.length && timingSafeEqual(expected, secretHash);
    if (row === undefined || !equal) return { ok: false, reason: 'unknown' };
    return tokenState(row, spkiSha256, now);
  }

  async listTokens(limit: number): Promise<readonly TokenRecord[]> {
    const rows = await this.#database
      .selectFrom('tokens')
      .selectAll()
      .orderBy('created_at', 'desc')
      .limit(page(limit))
      .execute();
    return rows.map(tokenRecordOf);
  }

  async issueCertificate(certificate: NewCertificate, now: Date): Promise<IssueOutcome> {
    const { token, nonce, spkiSha256, attestationKey } = certificate;
    return await this.#write(now, async (write, note): Promise<IssueOutcome> => {
      const refused = (reason: Extract<IssueOutcome, { state: 'refused' }>['reason']) => {
        note({ action: 'enrollment-refused', subject: certificate.subject, details: { reason } });
        return { state: 'refused', reason } as const;
      };
      if (token !== undefined) {
        const row = await this.#token(write, token);
        const check = row && tokenState(row, spkiSha256, now);
        if (check === undefined) return refused('unknown');
        if (!check.ok) return refused(check.reason);
        if (check.spent) return { state: 'already-issued', record: await spentFor(write, token) };
      }
      if (nonce !== undefined && !(await spendNonce(write, nonce, now))) return refused('nonce');
      if (attestationKey !== undefined) {
        const isRegistered = await registerAttestationKey(write, attestationKey, now, note);
        if (!isRegistered) return refused('device');
      }
      if (token !== undefined) {
        await write
          .updateTable('tokens')
          .set({ spent_at: now.getTime(), spent_for: spkiSha256 })
          .where('id', '=', token)
          .execute();
      }
      const { last } = await write
        .selectFrom('certificates')
        .select((select) => select.fn.max('sequence').as('last'))
        .executeTakeFirstOrThrow();
      const row = certificateRowOf(certificate, Number(last ?? 0) + 1, now);
      await write.insertInto('certificates').values(row).execute();
      note({
        action: 'certificate-issued',
        subject: certificate.subject,
        details: {
          serial: certificate.serial,
          method: certificate.method,
          key: spkiSha256,
          names: certificate.names.join(' '),
          ...(token === undefined ? {} : { token }),
          ...(certificate.device === undefined ? {} : { device: certificate.device }),
        },
      });
      return { state: 'issued', record: certificateRecordOf(row) };
    });
  }

  async currentCertificate(
    wanted: Pick<NewCertificate, 'spkiSha256' | 'subject' | 'names' | 'method'>,
    now: Date,
  ): Promise<CertificateRecord | undefined> {
    const row = await this.#database
      .selectFrom('certificates')
      .selectAll()
      .where('spki_sha256', '=', wanted.spkiSha256)
      .where('subject', '=', wanted.subject)
      .where('names', '=', JSON.stringify(wanted.names))
      .where('method', '=', wanted.method)
      .where('revoked_at', 'is', null)
      .orderBy('sequence', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const left = row.not_after - now.getTime();
    const life = row.not_after - row.not_before;
    return left >= life * REUSE_LIFE_LEFT ? certificateRecordOf(row) : undefined;
  }

  async certificate(serial: string): Promise<CertificateRecord | undefined> {
    const row = await this.#database
      .selectFrom('certificates')
      .selectAll()
      .where('serial', '=', serial)
      .executeTakeFirst();
    return row && certificateRecordOf(row);
  }

  async isCompromised(spkiSha256: string): Promise<boolean> {
    const row = await this.#database
      .selectFrom('certificates')
      .select('serial')
      .where('spki_sha256', '=', spkiSha256)
      .where('revocation_reason', '=', 'keyCompromise')
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  async listCertificates(options: ListOptions): Promise<readonly CertificateRecord[]> {
    const { state, device, limit, after, now } = options;
    const time = now.getTime();
    let query = this.#database
      .selectFrom('certificates')
      .selectAll()
      .orderBy('sequence')
      .limit(page(limit));
    if (device !== undefined) query = query.where('device', '=', device);
    if (after !== undefined) {
      query = query.where('sequence', '>', (select) =>
        select.selectFrom('certificates').select('sequence').where('serial', '=', after),
      );
    }
    if (state === 'revoked') query = query.where('revoked_at', 'is not', null);
    if (state === 'expired') query = query.where('not_after', '<', time);
    if (state === 'valid') {
      query = query.where('revoked_at', 'is', null).where('not_after', '>=', time);
    }
    return (await query.execute()).map(certificateRecordOf);
  }

  async revokeCertificate(
    serial: string,
    reason: RevocationReasonName,
    now: Date,
  ): Promise<boolean> {
    return await this.#write(now, async (write, note) => {
      const { numUpdatedRows } = await write
        .updateTable('certificates')
        .set({ revoked_at: now.getTime(), revocation_reason: reason })
        .where('serial', '=', serial)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows !== 1n) return false;
      note({ action: 'certificate-revoked', subject: serial, details: { reason } });
      return true;
    });
  }

  async nextCrl(
    now: Date,
  ): Promise<{ readonly number: bigint; readonly revoked: readonly CertificateRecord[] }> {
    return await this.#write(now, async (write, note) => {
      const { crl_number: number } = await write
        .updateTable('head')
        .set((expression) => ({ crl_number: expression('crl_number', '+', 1) }))
        .returning('crl_number')
        .executeTakeFirstOrThrow();
      const rows = await write
        .selectFrom('certificates')
        .selectAll()
        .where('revoked_at', 'is not', null)
        .where('not_after', '>=', now.getTime())
        .orderBy('sequence')
        .execute();
      note({ action: 'crl-issued', subject: String(number), details: {} });
      return { number: BigInt(number), revoked: rows.map(certificateRecordOf) };
    });
  }

  async attestationKey(name: string): Promise<AttestationKey | undefined> {
    return await findAttestationKey(this.#database, name);
  }

  async forgetDevice(id: string, now: Date): Promise<boolean> {
    return await this.#write(now, async (write, note) => await forgetDevice(write, id, note));
  }

  async addVendorCertificates(
    certificates: readonly VendorCertificate[],
    now: Date,
  ): Promise<number> {
    return await this.#write(
      now,
      async (write, note) => await addVendorCertificates(write, certificates, now, note),
    );
  }

  async vendorCertificates(subject?: string): Promise<readonly VendorCertificate[]> {
    return await findVendorCertificates(this.#database, subject);
  }

  async removeVendorCertificate(sha256: string, now: Date): Promise<boolean> {
    return await this.#write(
      now,
      async (write, note) => await removeVendorCertificate(write, sha256, note),
    );
  }

  async createNonce(nonce: Uint8Array, expiresAt: Date, now: Date): Promise<boolean> {
    return await transact(this.#database, async (write) => {
      await write.deleteFrom('nonces').where('expires_at', '<=', now.getTime()).execute();
      const { count } = await write
        .selectFrom('nonces')
        .select((select) => select.fn.countAll().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) >= MAX_NONCES) return false;
      const row = { nonce: toHex(nonce), expires_at: expiresAt.getTime() };
      await write.insertInto('nonces').values(row).execute();
      return true;
    });
  }

  async checkNonce(nonce: Uint8Array, now: Date): Promise<boolean> {
    const row = await this.#database
      .selectFrom('nonces')
      .select('nonce')
      .where('nonce', '=', toHex(nonce))
      .where('expires_at', '>', now.getTime())
      .executeTakeFirst();
    return row !== undefined;
  }

  async spendNonce(nonce: Uint8Array, now: Date): Promise<boolean> {
    return await transact(this.#database, async (write) => await spendNonce(write, nonce, now));
  }

  async metadataVersions(): Promise<readonly MetadataVersion[]> {
    return await this.#database.selectFrom('metadata_versions').selectAll().execute();
  }

  async rememberMetadataVersion(version: MetadataVersion): Promise<void> {
    await transact(this.#database, async (write) => {
      await write
        .insertInto('metadata_versions')
        .values(version)
        .onConflict((conflict) =>
          conflict
            .columns(['type', 'name'])
            .doUpdateSet({ version: version.version })
            .where('metadata_versions.version', '<', version.version),
        )
        .execute();
    });
  }

  async audit(entry: NewAuditEntry, now: Date): Promise<void> {
    await this.#write(now, async (_, note) => note(entry));
  }

  async auditTrail(options: {
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly AuditEntry[]> {
    const rows = await this.#database
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', options.after ?? 0)
      .orderBy('sequence')
      .limit(page(options.limit))
      .execute();
    return rows.map(auditEntryOf);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.destroy();
  }

  /** One transaction with its audit entries. Writers of all servers come one after the other. */
  async #write<T>(now: Date, work: (write: Write, note: Note) => Promise<T>): Promise<T> {
    return await transact(this.#database, async (write) => {
      // Changes nothing, but locks: everything read after it is as the writers before left it.
      const head = await write
        .updateTable('head')
        .set((expression) => ({ audit_sequence: expression.ref('audit_sequence') }))
        .returning(['audit_sequence', 'audit_hash'])
        .executeTakeFirstOrThrow();
      const entries: NewAuditEntry[] = [];
      const outcome = await work(write, (entry) => entries.push(entry));
      let { audit_sequence: sequence, audit_hash: hash } = head;
      for (const entry of entries) {
        sequence += 1;
        const bounded = boundedEntry(entry);
        hash = auditHash(hash, { ...bounded, sequence, at: now });
        const { action, subject, details } = bounded;
        const row = { sequence, at: now.getTime(), action, subject, hash };
        await write
          .insertInto('audit')
          .values({ ...row, details: JSON.stringify(details) })
          .execute();
      }
      if (entries.length > 0) {
        const next = { audit_sequence: sequence, audit_hash: hash };
        await write.updateTable('head').set(next).execute();
      }
      return outcome;
    });
  }

  async #token(from: Database, id: string): Promise<TokenRow | undefined> {
    return await from.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  }
}

function page(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new RangeError(`limit: expected a whole number from 1, got ${limit}`);
  }
  return Math.min(limit, MAX_PAGE);
}
