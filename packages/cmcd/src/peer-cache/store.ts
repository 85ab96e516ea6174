import { constants } from 'node:fs';
import { mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaries, writeFileAtomic } from '@cmc/host/files';
import { isMetadataDigest, isPeerId } from './digest.ts';

/** Sizes in bytes of the items of one peer, by digest. */
export type StoredPeer = ReadonlyMap<string, number>;

/** Where a peer cache keeps its items. Names are peer ids and digests that were checked. */
export interface PeerStore {
  /** What is there, the peer that changed longest ago first. */
  list(): Promise<ReadonlyMap<string, StoredPeer>>;
  /** The item, or undefined when there is none. */
  read(peer: string, digest: string): Promise<Uint8Array | undefined>;
  write(peer: string, digest: string, item: Uint8Array): Promise<void>;
  remove(peer: string, digest: string): Promise<void>;
  removePeer(peer: string): Promise<void>;
}

/** Keeps items in memory. */
export function memoryPeerStore(): PeerStore {
  const peers = new Map<string, Map<string, Uint8Array>>();
  return {
    list: async () => new Map(),
    read: async (peer, digest) => peers.get(peer)?.get(digest),
    write: async (peer, digest, item) => {
      const items = peers.get(peer) ?? new Map<string, Uint8Array>();
      peers.set(peer, items.set(digest, new Uint8Array(item)));
    },
    remove: async (peer, digest) => void peers.get(peer)?.delete(digest),
    removePeer: async (peer) => void peers.delete(peer),
  };
}

/** Keeps items as files `<directory>/<peer>/<digest>`. Entries of other names are left alone. */
export async function diskPeerStore(directory: string): Promise<PeerStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const pathOf = (peer: string, digest: string): string => join(directory, peer, digest);
  return {
    list: () => listPeers(directory),
    read: (peer, digest) => readRegularFile(pathOf(peer, digest)),
    write: async (peer, digest, item) => {
      await mkdir(join(directory, peer), { recursive: true, mode: 0o700 });
      await writeFileAtomic(pathOf(peer, digest), item, { mode: 0o600 });
    },
    remove: (peer, digest) => rm(pathOf(peer, digest), { force: true }),
    removePeer: (peer) => removePeerFolder(join(directory, peer)),
  };
}

async function listPeers(directory: string): Promise<ReadonlyMap<string, StoredPeer>> {
  const found: { readonly peer: string; readonly changed: number; readonly items: StoredPeer }[] =
    [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory() || !isPeerId(entry.name)) continue;
    const folder = join(directory, entry.name);
    await removeTemporaries(folder);
    const { mtimeMs } = await stat(folder);
    found.push({ peer: entry.name, changed: mtimeMs, items: await listItems(folder) });
  }
  found.sort((a, b) => a.changed - b.changed);
  return new Map(found.map(({ peer, items }) => [peer, items]));
}

async function listItems(folder: string): Promise<StoredPeer> {
  const items = new Map<string, number>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || !isMetadataDigest(entry.name)) continue;
    items.set(entry.name, (await stat(join(folder, entry.name))).size);
  }
  return items;
}

async function readRegularFile(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** Removes what the cache made; a folder with anything else in it stays. */
async function removePeerFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (isMetadataDigest(name)) await rm(join(folder, name), { force: true });
  }
  await rmdir(folder).catch(() => {});
}
