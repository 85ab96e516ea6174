import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SoftwareDriverError } from '../errors.ts';
import { hasCode } from '../file/fs-errors.ts';
import type { WalkEntry } from './walk.ts';

const CHUNK_BYTES = 256 * 1024;

/**
 * The content of a regular file in chunks; as many bytes as its size was when the walk came by.
 * @throws {SoftwareDriverError} ERR_ROOTFS_CHANGED
 */
export async function* readContent(entry: WalkEntry): AsyncGenerator<Uint8Array> {
  const { path, stats } = entry;
  const file = await openUnchanged(entry);
  try {
    // One byte more than expected, to notice when there is more.
    let left = Number(stats.size) + 1;
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      left -= bytesRead;
      if (bytesRead > 0) yield chunk.subarray(0, bytesRead);
      if (bytesRead < chunk.length || left === 0) break;
    }
    if (left !== 1) throw changed(path);
  } finally {
    await file.close();
  }
}

/** Opens what the walk saw and nothing else: no link out of the tree, no FIFO that never opens. */
async function openUnchanged({ path, stats }: WalkEntry): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    throw hasCode(error, 'ELOOP') || hasCode(error, 'ENOENT') ? changed(path) : error;
  });
  const { ino, dev } = await file.stat({ bigint: true });
  if (ino === stats.ino && dev === stats.dev) return file;
  await file.close();
  throw changed(path);
}

function changed(path: Uint8Array): SoftwareDriverError {
  return new SoftwareDriverError('ERR_ROOTFS_CHANGED', `${path} changed while it was hashed`);
}
