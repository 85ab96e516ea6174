import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import { ProvError } from '../errors.ts';
import { openSqliteDatabase } from './sqlite-database.ts';
import type { Database, Tables } from './tables.ts';

/** PostgreSQL's number for 64-bit integers. Ours all fit into a number. */
const OID_INT8 = 20;
const MAX_CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 15_000;

/**
 * The database behind a URL: `sqlite:///absolute/path`, `sqlite:relative/path` or
 * `postgres://user@host/name`.
 * @throws {ProvError} ERR_PROV_CONFIG, ERR_PROV_DATABASE
 */
export async function openDatabase(url: string): Promise<Database> {
  const scheme = /^([a-z]+):/.exec(url)?.[1];
  switch (scheme) {
    case 'sqlite':
      return openSqlite(sqlitePath(url));
    case 'postgres':
    case 'postgresql':
      return await openPostgres(url);
    default:
      throw new ProvError(
        'ERR_PROV_CONFIG',
        // The URL may hold a password.
        `database: expected sqlite:// or postgres://, got ${scheme ?? 'no scheme'}`,
      );
  }
}

/** Path of a database file in its URL. */
export function sqlitePath(url: string): string {
  return decodeURI(url.replace(/^sqlite:(?:\/\/(?=\/))?/, ''));
}

function openSqlite(path: string): Database {
  try {
    const database = openSqliteDatabase(path);
    return new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProvError('ERR_PROV_DATABASE', `cannot open ${path}: ${reason}`, { cause });
  }
}

async function openPostgres(url: string): Promise<Database> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: QUERY_TIMEOUT_MS,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === OID_INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
    },
  });
  // A connection that breaks while nobody uses it is replaced; the next query tells what is wrong.
  pool.on('error', () => {});
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}
