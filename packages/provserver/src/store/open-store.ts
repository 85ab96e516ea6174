import { ProvError } from '../errors.ts';
import { migrate } from './migrate.ts';
import { openDatabase } from './open-database.ts';
import { SqlStore } from './sql-store.ts';
import type { Store } from './store.ts';

/**
 * The store in the database at `url`: `sqlite:///path` or `postgres://user@host/name`. Its tables are
 * made when they are missing.
 * @throws {ProvError} ERR_PROV_CONFIG, ERR_PROV_DATABASE
 */
export async function openStore(url: string): Promise<Store> {
  const database = await openDatabase(url);
  try {
    await migrate(database, url.startsWith('postgres'));
    return new SqlStore(database);
  } catch (cause) {
    await database.destroy();
    if (cause instanceof ProvError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProvError('ERR_PROV_DATABASE', `the database cannot be used: ${reason}`, { cause });
  }
}
