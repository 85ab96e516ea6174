import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@cmc/bytes';
import { ProvError } from '../errors.ts';

/** Longest file, bytes. */
export const MAX_CHANGING_FILE_BYTES: number = 16 * 1024 * 1024;

/** What is in files now that the operator replaces from time to time. */
export interface ChangingFiles<T> {
  current(): Promise<readonly T[]>;
}

/** Of a file when it was read. */
interface Version<T> {
  readonly version: string;
  readonly items: readonly T[];
}

/**
 * What `parse` finds in the files that a setting names, which are read again when they change:
 * lists end, and servers run on. A new file that cannot be used is logged, and what was in the one
 * before it stays.
 * @throws {ProvError} ERR_PROV_CONFIG: one of the files cannot be used now
 */
export async function openChangingFiles<T>(
  paths: readonly string[],
  setting: string,
  parse: (content: Uint8Array, path: string) => readonly T[],
  logger: Logger,
): Promise<ChangingFiles<T>> {
  const usable = async <R>(path: string, read: () => Promise<R>): Promise<R> => {
    try {
      return await read();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ProvError('ERR_PROV_CONFIG', `${setting}: ${path}: ${reason}`, { cause });
    }
  };
  const read = async (path: string, before?: Version<T>): Promise<Version<T>> =>
    await usable(path, async () => {
      const version = await versionOf(path);
      if (version === before?.version) return before;
      return { version, items: parse(new Uint8Array(await readFile(path)), path) };
    });
  const files = new Map<string, Version<T>>();
  for (const path of paths) files.set(path, await read(path));
  const update = async (path: string, before: Version<T>): Promise<readonly T[]> => {
    try {
      const file = await read(path, before);
      files.set(path, file);
      return file.items;
    } catch (error) {
      logger.error({ path, error }, `a file of ${setting} cannot be used: what it held stays`);
      return before.items;
    }
  };
  return {
    current: async () =>
      (await Promise.all([...files].map(([path, before]) => update(path, before)))).flat(),
  };
}

async function versionOf(path: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path);
  if (size > MAX_CHANGING_FILE_BYTES) {
    throw new RangeError(`more than ${MAX_CHANGING_FILE_BYTES} bytes`);
  }
  return `${ino} ${size} ${mtimeMs}`;
}
