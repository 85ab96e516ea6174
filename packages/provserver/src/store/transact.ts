import { setTimeout } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import { isBusy } from './sqlite-database.ts';
import type { Database, Tables } from './tables.ts';

/** How long a transaction waits for those of other processes on one SQLite file, ms. */
const MAX_WAIT_MS = 15_000;
const MAX_PAUSE_MS = 20;

/** Runs `work` in a transaction, again as long as another process holds the lock of the file. */
export async function transact<T>(
  database: Database,
  work: (transaction: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    try {
      return await database.transaction().execute(work);
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      await setTimeout(Math.random() * MAX_PAUSE_MS);
    }
  }
}
