import { createRequire } from 'node:module';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

type Value = null | number | bigint | string | Buffer;

/** What `node:sqlite` and libsql have alike. */
interface RawDatabase {
  close(): void;
  exec(sql: string): unknown;
  prepare(sql: string): RawStatement;
}
interface RawStatement {
  all(...values: readonly unknown[]): unknown[];
  run(...values: readonly unknown[]): {
    changes: number | bigint;
    lastInsertRowid: number | bigint;
  };
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string) => RawDatabase;
}

/** Distinct statements are few; each is compiled once. */
const MAX_STATEMENTS = 256;
/** Another process may hold the lock for as long while a database is opened, ms. */
const OPEN_TIMEOUT_MS = 10_000;
const CONTROL: ReadonlySet<string> = new Set([
  'begin',
  'commit',
  'rollback',
  'savepoint piece',
  'release savepoint piece',
  'rollback to savepoint piece',
]);
/** SQLite's number for a lock that somebody else holds. */
const SQLITE_BUSY = 5;

/**
 * A SQLite database file, made if it is missing. The SQLite that Node has built in is used where
 * there is one (22.13 and later), else libsql.
 */
export function openSqliteDatabase(path: string): SqliteDatabase {
  const builtIn = loadNodeSqlite();
  const database =
    builtIn === undefined ? new (loadLibsql())(path) : new builtIn.DatabaseSync(path);
  // The first: the next one already needs the lock.
  database.exec(`pragma busy_timeout = ${OPEN_TIMEOUT_MS}`);
  database.exec('pragma journal_mode = wal');
  // A certificate must not leave before its record is on the disk.
  database.exec('pragma synchronous = full');
  database.exec('pragma foreign_keys = on');
  // SQLite would wait by stopping the event loop; `transact` waits instead.
  database.exec('pragma busy_timeout = 0');
  const spread = builtIn !== undefined;
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = CONTROL.has(sql)
        ? controlStatement(database, sql)
        : adapt(database.prepare(sql), sql, spread);
      if (statements.size === MAX_STATEMENTS) statements.clear();
      statements.set(sql, statement);
      return statement;
    },
  };
}

/**
 * Begins and ends transactions. These are not prepared: in libsql one that failed, since somebody
 * else held the lock, would keep its view of the database.
 */
function controlStatement(database: RawDatabase, sql: string): SqliteStatement {
  return {
    reader: false,
    all: () => [],
    run: () => {
      // A transaction that reads first could not become a writer when another process has written.
      database.exec(sql === 'begin' ? 'begin immediate' : sql);
      return { changes: 0, lastInsertRowid: 0 };
    },
    iterate: notStreamed,
  };
}

function adapt(statement: RawStatement, sql: string, spread: boolean): SqliteStatement {
  // libsql aborts the process for some kinds of values, and for one alone that is not in an array.
  const bind = (values: readonly unknown[]): readonly unknown[] => {
    const safe = values.map(toValue);
    return spread ? safe : [safe];
  };
  return {
    reader: /^\s*(?:select|with|pragma)\b|\breturning\b/i.test(sql),
    all: (values) => statement.all(...bind(values)).map(withBytes),
    run: (values) => statement.run(...bind(values)),
    iterate: notStreamed,
  };
}

function notStreamed(): never {
  throw new Error('rows are not streamed');
}

function toValue(value: unknown): Value {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return Buffer.from(value);
  throw new TypeError(`a ${typeof value} cannot be stored`);
}

/** libsql gives blobs as ArrayBuffers. */
function withBytes(row: unknown): unknown {
  const columns = Object.entries(row as object).map(([name, value]) => [
    name,
    value instanceof ArrayBuffer ? new Uint8Array(value) : value,
  ]);
  return Object.fromEntries(columns);
}

/** Whether another connection holds the lock that `error` is about. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { rawCode, errcode = rawCode } = error as { rawCode?: unknown; errcode?: unknown };
  // The low byte is the kind, the others say more about it.
  return typeof errcode === 'number' && (errcode & 0xff) === SQLITE_BUSY;
}

function loadNodeSqlite(): NodeSqlite | undefined {
  const emit = process.emitWarning;
  try {
    // Node 22 warns that its SQLite is experimental; operators cannot do anything about it.
    process.emitWarning = () => {};
    return process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined;
  } finally {
    process.emitWarning = emit;
  }
}

function loadLibsql(): new (path: string) => RawDatabase {
  return createRequire(import.meta.url)('libsql') as new (
    path: string,
  ) => RawDatabase;
}
