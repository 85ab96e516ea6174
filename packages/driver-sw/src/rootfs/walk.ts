import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';

/** An entry of a folder tree. */
export interface WalkEntry {
  readonly path: Buffer;
  /** Path below the root of the walk. */
  readonly name: Buffer;
  readonly stats: BigIntStats;
}

const SLASH = Buffer.from('/');
const NO_NAME = Buffer.alloc(0);

/**
 * Everything below a folder: each folder before what is in it, names in the order of their bytes.
 * Symbolic links are not followed. File names are bytes: they need not be UTF-8.
 */
export async function* walk(folder: Buffer, name: Buffer = NO_NAME): AsyncGenerator<WalkEntry> {
  const names = await readdir(folder, { encoding: 'buffer' });
  for (const child of names.sort(Buffer.compare)) {
    const path = Buffer.concat([folder, SLASH, child]);
    const childName = name.length === 0 ? child : Buffer.concat([name, SLASH, child]);
    const stats = await lstat(path, { bigint: true });
    yield { path, name: childName, stats };
    if (stats.isDirectory()) yield* walk(path, childName);
  }
}
