import { readFile } from 'node:fs/promises';
import type { Logger } from '@cmc/bytes';
import { writeFileAtomic } from '@cmc/host/files';
import * as v from 'valibot';
import { CmcdError, type CmcdErrorCode } from '../errors.ts';

/** A list that one process keeps in a JSON file. */
export interface RecordFile<Row> {
  /** What the file holds; nothing when there is none. @throws {CmcdError} it holds something else */
  read(): Promise<readonly Row[]>;
  /**
   * Resolves when a write that began after the call is over; calls meanwhile share it. `rows` is
   * called when it begins. That it fails is logged: what is remembered in memory still counts.
   */
  write(rows: () => readonly Row[]): Promise<void>;
}

export interface RecordFileOptions<Row> {
  /** Without one, nothing is kept. */
  readonly path: string | undefined;
  readonly schema: v.GenericSchema<unknown, readonly Row[]>;
  /** What the file holds, for messages. */
  readonly what: string;
  /** Code of a file that holds something else, and what follows when it is removed. */
  readonly code: CmcdErrorCode;
  readonly removed: string;
  readonly logger: Logger;
}

export function recordFile<Row>(options: RecordFileOptions<Row>): RecordFile<Row> {
  const { path, schema, what, code, removed, logger } = options;
  let last: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  const put = async (file: string, rows: readonly Row[]): Promise<void> => {
    await writeFileAtomic(file, `${JSON.stringify(rows)}\n`).catch((error: unknown) => {
      logger.error({ error }, `cannot write ${what}`);
    });
  };

  return {
    read: async () => {
      if (path === undefined) return [];
      try {
        return v.parse(schema, JSON.parse(await readFile(path, 'utf8')));
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
        const message = `${path} does not hold ${what}: restore it, or remove it ${removed}`;
        throw new CmcdError(code, message, { cause });
      }
    },
    write: async (rows) => {
      if (path === undefined) return;
      next ??= last.then(() => {
        next = undefined;
        last = put(path, rows());
        return last;
      });
      await next;
    },
  };
}
