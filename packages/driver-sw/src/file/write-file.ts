import { randomUUID } from 'node:crypto';
import { link, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface WriteFileOptions {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Permissions of the file. */
  readonly mode: number;
}

/**
 * Puts a file in place of what was there, all or nothing: whoever reads it, and whatever kills this
 * process or the computer, finds the old content or the new.
 */
export async function replaceFile(options: WriteFileOptions): Promise<void> {
  await writeThrough(options, rename);
}

/** As {@link replaceFile}, unless there is such a file: then nothing, and `false`. */
export async function createFile(options: WriteFileOptions): Promise<boolean> {
  return await writeThrough(options, async (temporary, path) => {
    try {
      await link(temporary, path);
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      await unlink(temporary);
    }
  });
}

/**
 * Removes what killed processes left of unfinished writes to `path`. A write that is under way fails
 * with `ENOENT`.
 */
export async function removeUnfinished(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(TEMPORARY)) continue;
    await unlink(join(folder, name)).catch(unlessMissing);
  }
}

/** Whether an operation of the file system failed for this reason. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** To catch with: passes over what is not there. */
export function unlessMissing(error: unknown): undefined {
  if (hasCode(error, 'ENOENT')) return undefined;
  throw error;
}

const TEMPORARY = '.tmp';

async function writeThrough<T>(
  { path, bytes, mode }: WriteFileOptions,
  publish: (temporary: string, path: string) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomUUID()}${TEMPORARY}`;
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await unlink(temporary).catch(unlessMissing);
    throw error;
  } finally {
    await file.close();
  }
  const result = await publish(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return result;
}
