import { type ColumnDataType, type Kysely, sql } from 'kysely';
import { ProvError } from '../errors.ts';
import { FIRST_HASH } from './audit-hash.ts';
import type { Database } from './tables.ts';
import { transact } from './transact.ts';

/** Version of the tables that this program makes and understands. */
export const SCHEMA_VERSION = 3;
/** Any number, the same in all servers: the name of PostgreSQL's lock around migrations. */
const MIGRATION_LOCK = 7_202_611_24;

/** Makes the tables, once, whoever comes first. @throws {ProvError} ERR_PROV_DATABASE */
export async function migrate(database: Database, isPostgres: boolean): Promise<void> {
  const version = await transact(database, async (transaction) => {
    if (isPostgres) await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction);
    const tables = await transaction.introspection.getTables();
    if (!tables.some(({ name }) => name === 'head')) await createTables(transaction, isPostgres);
    const head = await transaction
      .selectFrom('head')
      .select('schema_version')
      .where('id', '=', 1)
      .executeTakeFirstOrThrow();
    const { schema_version: found } = head;
    if (found < 1 || found >= SCHEMA_VERSION) return found;
    if (found < 2) await createMetadataVersions(transaction);
    await createVendorCertificates(transaction, isPostgres);
    await transaction.updateTable('head').set({ schema_version: SCHEMA_VERSION }).execute();
    return SCHEMA_VERSION;
  });
  if (version === SCHEMA_VERSION) return;
  throw new ProvError(
    'ERR_PROV_DATABASE',
    `the database has schema ${version}, this program knows ${SCHEMA_VERSION}: use a newer one`,
  );
}

async function createTables(database: Database, isPostgres: boolean): Promise<void> {
  const schema = (database as unknown as Kysely<unknown>).schema;
  const bytes = bytesType(isPostgres);
  await schema
    .createTable('head')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('schema_version', 'integer', (column) => column.notNull())
    .addColumn('audit_sequence', 'bigint', (column) => column.notNull())
    .addColumn('audit_hash', 'text', (column) => column.notNull())
    .addColumn('crl_number', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('secret_hash', bytes, (column) => column.notNull())
    .addColumn('allowed_names', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('spent_at', 'bigint')
    .addColumn('spent_for', 'text')
    .addColumn('note', 'text')
    .execute();
  await schema
    .createTable('certificates')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('serial', 'text', (column) => column.notNull().unique())
    .addColumn('certificate', bytes, (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('names', 'text', (column) => column.notNull())
    .addColumn('spki_sha256', 'text', (column) => column.notNull())
    .addColumn('not_before', 'bigint', (column) => column.notNull())
    .addColumn('not_after', 'bigint', (column) => column.notNull())
    .addColumn('issued_at', 'bigint', (column) => column.notNull())
    .addColumn('method', 'text', (column) => column.notNull())
    .addColumn('device', 'text')
    // A token is spent once: the database refuses a second certificate for it, whatever happens.
    .addColumn('token', 'text', (column) => column.unique().references('tokens.id'))
    .addColumn('revoked_at', 'bigint')
    .addColumn('revocation_reason', 'text')
    .execute();
  for (const column of ['spki_sha256', 'device', 'revoked_at'] as const) {
    await schema.createIndex(`certificates_${column}`).on('certificates').column(column).execute();
  }
  await schema
    .createTable('devices')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('key_sha256', 'text', (column) => column.notNull())
    .addColumn('registered_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('attestation_keys')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('public_key', bytes, (column) => column.notNull())
    .addColumn('device', 'text', (column) => column.notNull().references('devices.id'))
    .addColumn('ek_sha256', 'text', (column) => column.notNull())
    .addColumn('activated_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('nonces')
    .addColumn('nonce', 'text', (column) => column.primaryKey())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('audit')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await createMetadataVersions(database);
  await createVendorCertificates(database, isPostgres);
  await database
    .insertInto('head')
    .values({
      id: 1,
      schema_version: SCHEMA_VERSION,
      audit_sequence: 0,
      audit_hash: FIRST_HASH,
      crl_number: 0,
    })
    .execute();
}

/** New in version 2. */
async function createMetadataVersions(database: Database): Promise<void> {
  await (database as unknown as Kysely<unknown>).schema
    .createTable('metadata_versions')
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('metadata_versions_key', ['type', 'name'])
    .execute();
}

/** New in version 3. */
async function createVendorCertificates(database: Database, isPostgres: boolean): Promise<void> {
  const schema = (database as unknown as Kysely<unknown>).schema;
  await schema
    .createTable('vendor_certificates')
    .addColumn('sha256', 'text', (column) => column.primaryKey())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('certificate', bytesType(isPostgres), (column) => column.notNull())
    .addColumn('is_root', 'integer', (column) => column.notNull())
    .addColumn('added_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('vendor_certificates_subject')
    .on('vendor_certificates')
    .column('subject')
    .execute();
}

function bytesType(isPostgres: boolean): ColumnDataType {
  return isPostgres ? 'bytea' : 'blob';
}
