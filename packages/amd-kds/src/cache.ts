import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaries, writeFileAtomic } from '@cmc/host/files';
import { MAX_CHAIN_BYTES } from './limits.ts';

/** Keeps bytes by name. What it gives is not trusted: readers check it like an answer of the service. */
export interface Cache {
  get(name: string): Promise<Uint8Array | undefined>;
  set(name: string, content: Uint8Array): Promise<void>;
  delete(name: string): Promise<void>;
}

/** At most `maxEntries`, of which the one that was not used for longest goes first. */
export function createMemoryCache(maxEntries: number): Cache {
  const entries = new Map<string, Uint8Array>();
  const put = (name: string, content: Uint8Array): void => {
    entries.delete(name);
    entries.set(name, content);
  };
  return {
    get: async (name) => {
      const content = entries.get(name);
      if (content !== undefined) put(name, content);
      return content;
    },
    set: async (name, content) => {
      put(name, content);
      const [oldest] = entries.keys();
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
    },
    delete: async (name) => void entries.delete(name),
  };
}

const NAME = /^(?:[0-9a-f]{128}_[0-9a-f]{16}\.der|asv?k_ark_[A-Z][a-z]+\.cert)$/;

/** As {@link createMemoryCache}, in files of `directory`; the one written first goes first. */
export async function openDiskCache(directory: string, maxEntries: number): Promise<Cache> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await removeTemporaries(directory);
  const names = new Set(await namesByAge(directory));
  return {
    get: async (name) => await readSmall(join(directory, name)),
    set: async (name, content) => {
      await writeFileAtomic(join(directory, name), content, { mode: 0o644 });
      names.delete(name);
      names.add(name);
      for (const oldest of names) {
        if (names.size <= maxEntries) break;
        names.delete(oldest);
        await rm(join(directory, oldest), { force: true });
      }
    },
    delete: async (name) => {
      names.delete(name);
      await rm(join(directory, name), { force: true });
    },
  };
}

async function namesByAge(directory: string): Promise<readonly string[]> {
  const found: { name: string; mtimeMs: number }[] = [];
  for (const name of await readdir(directory)) {
    if (!NAME.test(name)) continue;
    const { mtimeMs } = await stat(join(directory, name));
    found.push({ name, mtimeMs });
  }
  return found.sort((a, b) => a.mtimeMs - b.mtimeMs).map(({ name }) => name);
}

/** None when there is no such file, or a longer one than was ever written. */
async function readSmall(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const buffer = new Uint8Array(MAX_CHAIN_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return bytesRead > MAX_CHAIN_BYTES ? undefined : buffer.slice(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
