import { randomBytes } from 'node:crypto';
import { link, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Marks temporary files of this module; nothing else may end so. */
const TEMPORARY = '.tmp~';

export interface WriteFileAtomicOptions {
  /** Permissions of the new file. Default 0o600. */
  readonly mode?: number;
}

/**
 * Replaces a file so that after a crash, at any moment, it has either the old or the new content:
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  options: WriteFileAtomicOptions = {},
): Promise<void> {
  await publish(path, content, options, rename);
}

/**
 * As {@link writeFileAtomic}, unless there is such a file: then nothing is written, and the answer
 * is `false`.
 */
export async function createFileAtomic(
  path: string,
  content: Uint8Array | string,
  options: WriteFileAtomicOptions = {},
): Promise<boolean> {
  try {
    await publish(path, content, options, async (temporary) => {
      await link(temporary, path);
      await rm(temporary, { force: true });
    });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Makes renames and removals in `folder` survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Removes what killed writers left in `folder`, of the file `name` only if that is given. A write
 * that is under way fails with `ENOENT`: call it at start, before anything writes there, or where
 * no other writer has a right to finish.
 */
export async function removeTemporaries(folder: string, name?: string): Promise<void> {
  const start = name === undefined ? '.' : startOf(name);
  for (const found of await readdir(folder)) {
    if (found.startsWith(start) && found.endsWith(TEMPORARY)) {
      await rm(join(folder, found), { force: true });
    }
  }
}

function startOf(name: string): string {
  return `.${name}.`;
}

async function publish(
  path: string,
  content: Uint8Array | string,
  { mode = 0o600 }: WriteFileAtomicOptions,
  put: (temporary: string, path: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  const unique = randomBytes(6).toString('hex');
  const temporary = join(folder, `${startOf(basename(path))}${unique}${TEMPORARY}`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await put(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}
