import { setImmediate, setTimeout } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import { isBusy } from './sqlite-database.ts';
import type { Database, Tables } from './tables.ts';

type Write = Transaction<Tables>;

/** How long a transaction waits for those of other processes on one SQLite file, ms. */
const MAX_WAIT_MS = 15_000;
const MAX_PAUSE_MS = 20;
/** Pieces of work that share a transaction. */
const MAX_BATCH = 64;

interface Piece {
  readonly work: (transaction: Write) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

const queues = new WeakMap<Database, TransactionQueue>();

/**
 * Runs `work` in a transaction, and again as long as another process holds the lock of the file. What
 * comes at the same time shares one transaction, thus one flush to the disk, which takes longer than
 * all the rest; a piece of work that fails takes nothing of the others with it.
 */
export async function transact<T>(
  database: Database,
  work: (transaction: Write) => Promise<T>,
): Promise<T> {
  let queue = queues.get(database);
  if (queue === undefined) {
    queue = new TransactionQueue(database);
    queues.set(database, queue);
  }
  return (await queue.add(work)) as T;
}

class TransactionQueue {
  readonly #database: Database;
  #pending: Piece[] = [];
  #isRunning = false;

  constructor(database: Database) {
    this.#database = database;
  }

  add(work: Piece['work']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ work, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#pending.length > 0) {
      // Whatever else this turn of the event loop brings comes along.
      await setImmediate();
      await this.#commit(this.#pending.splice(0, MAX_BATCH));
    }
    this.#isRunning = false;
  }

  async #commit(pieces: readonly Piece[]): Promise<void> {
    try {
      const outcomes = await this.#inTransaction(pieces);
      pieces.forEach(({ resolve, reject }, i) => {
        const outcome = outcomes[i];
        if (outcome !== undefined && 'value' in outcome) resolve(outcome.value);
        else reject(outcome?.error);
      });
    } catch (error) {
      for (const { reject } of pieces) reject(error);
    }
  }

  async #inTransaction(pieces: readonly Piece[]): Promise<readonly Outcome[]> {
    const deadline = performance.now() + MAX_WAIT_MS;
    for (;;) {
      try {
        return await this.#database.transaction().execute(async (transaction) => {
          const outcomes: Outcome[] = [];
          for (const { work } of pieces) outcomes.push(await attempt(transaction, work));
          return outcomes;
        });
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
        await setTimeout(Math.random() * MAX_PAUSE_MS);
      }
    }
  }
}

/** One piece of work, which leaves no trace when it fails. */
async function attempt(transaction: Write, work: Piece['work']): Promise<Outcome> {
  await sql.raw('savepoint piece').execute(transaction);
  try {
    const value = await work(transaction);
    await sql.raw('release savepoint piece').execute(transaction);
    return { value };
  } catch (error) {
    await sql.raw('rollback to savepoint piece').execute(transaction);
    await sql.raw('release savepoint piece').execute(transaction);
    return { error };
  }
}
