import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaries, writeFileAtomic } from '@cmc/host/files';
import { readBounded } from './files.ts';
import { MAX_ITEM_BYTES, MAX_ITEMS } from './limits.ts';

const NAME = /^[0-9a-f]{64}$/;

/** The last complete set of metadata, for starts without the servers it comes from. */
export interface OfflineCache {
  /** Items whose content still has the digest they are named by. */
  read(): Promise<readonly Uint8Array[]>;
  /** Makes `items` the content of the cache. */
  replace(items: readonly Uint8Array[]): Promise<void>;
}

/** A cache in files `<directory>/<sha256 hex>`. Files of other names are left alone. */
export async function openOfflineCache(directory: string): Promise<OfflineCache> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await removeTemporaries(directory);
  return {
    read: async () => {
      const items: Uint8Array[] = [];
      for (const name of (await names(directory)).slice(0, MAX_ITEMS)) {
        const item = await readBounded(join(directory, name), MAX_ITEM_BYTES);
        if (sha256Hex(item) === name) items.push(item);
      }
      return items;
    },
    replace: async (items) => {
      const present = new Set(await names(directory));
      const wanted = new Map(items.map((item) => [sha256Hex(item), item]));
      for (const [name, item] of wanted) {
        if (!present.has(name)) await writeFileAtomic(join(directory, name), item, { mode: 0o644 });
      }
      for (const name of present) {
        if (!wanted.has(name)) await rm(join(directory, name), { force: true });
      }
    },
  };
}

async function names(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => NAME.test(name)).sort();
}

/** Lower-case hex SHA-256. */
export function sha256Hex(item: Uint8Array): string {
  return createHash('sha256').update(item).digest('hex');
}
