import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CmcdError } from '../errors.ts';
import type { ItemCollector } from './collector.ts';

/** Adds a file, or all regular files of a folder (not of folders in it), in the order of their names. */
export async function readFilesInto(collector: ItemCollector, path: string): Promise<void> {
  for (const file of await filesAt(path)) {
    collector.add(await readBounded(file, collector.room()));
  }
}

/** Content of a file, a symbolic link or a device. @throws {CmcdError} ERR_METADATA_LIMIT, _LOCATION */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = (await openFile(path)).createReadStream({ end: maxBytes });
  for await (const chunk of stream) {
    length += chunk.length;
    chunks.push(chunk);
  }
  if (length <= maxBytes) return new Uint8Array(Buffer.concat(chunks));
  throw new CmcdError('ERR_METADATA_LIMIT', `${path} has more than ${maxBytes} bytes`);
}

async function filesAt(path: string): Promise<readonly string[]> {
  const found = await statOf(path);
  if (!found.isDirectory()) return [path];
  const files: string[] = [];
  for (const name of (await readdir(path)).sort()) {
    const file = join(path, name);
    if ((await statOf(file)).isFile()) files.push(file);
  }
  return files;
}

async function statOf(path: string): ReturnType<typeof stat> {
  try {
    return await stat(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function openFile(path: string): ReturnType<typeof open> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): CmcdError {
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new CmcdError('ERR_METADATA_LOCATION', `cannot read ${path}${reason}`, { cause });
}
