import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeStruct,
  encodeStruct,
  field,
  list,
  map,
  struct,
  text,
} from '@cmc/attestationreport/codec';
import { CmcError, encodeUtf8 } from '@cmc/bytes';
import { removeTemporaries, writeFileAtomic } from '@cmc/host/files';
import { CmcdError } from '../errors.ts';
import { readBounded } from './files.ts';
import { MAX_ITEM_BYTES } from './limits.ts';

const NAME = /^[0-9a-f]{64}$/;
/** Which items are of which location. */
const INDEX = 'locations.json';
const MAX_INDEX_BYTES = 1024 * 1024;

const indexSchema = struct<{ readonly locations: ReadonlyMap<string, readonly string[]> }>(
  'OfflineIndex',
  { locations: field(undefined, map(list(text))) },
);

/** The last complete set of each location, for when it fails. */
export interface OfflineCache {
  /** All items of a location; none when they are not known, or not whole any more. */
  read(location: string): Promise<readonly Uint8Array[] | undefined>;
  /** Makes the items of these locations the content of the cache. */
  replace(sets: ReadonlyMap<string, readonly Uint8Array[]>): Promise<void>;
}

/**
 * A cache in files `<directory>/<sha256 hex>`, and one that says which location they are of. Files of
 * other names are left alone.
 */
export async function openOfflineCache(directory: string): Promise<OfflineCache> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await removeTemporaries(directory);
  return {
    read: async (location) => {
      const digests = (await readIndex(directory)).get(keyOf(location));
      if (digests === undefined) return undefined;
      const items: Uint8Array[] = [];
      for (const digest of digests) {
        const item = await readItem(directory, digest);
        if (item === undefined) return undefined;
        items.push(item);
      }
      return items;
    },
    replace: async (sets) => {
      const present = new Set(await names(directory));
      const wanted = new Map<string, Uint8Array>();
      const locations = new Map<string, readonly string[]>();
      for (const [location, items] of sets) {
        for (const item of items) wanted.set(sha256Hex(item), item);
        locations.set(keyOf(location), items.map(sha256Hex));
      }
      for (const [name, item] of wanted) {
        if (!present.has(name)) await writeFileAtomic(join(directory, name), item, { mode: 0o644 });
      }
      // In this order everything that the index names is there, whenever the daemon is killed.
      const index = encodeStruct(indexSchema, { locations }, 'json');
      await writeFileAtomic(join(directory, INDEX), index, { mode: 0o644 });
      for (const name of present) {
        if (!wanted.has(name)) await rm(join(directory, name), { force: true });
      }
    },
  };
}

/** Locations by their keys; none when it cannot be read. */
async function readIndex(directory: string): Promise<ReadonlyMap<string, readonly string[]>> {
  try {
    const content = await readBounded(join(directory, INDEX), MAX_INDEX_BYTES);
    return decodeStruct(indexSchema, content).value.locations;
  } catch (error) {
    if (error instanceof CmcError) return new Map();
    throw error;
  }
}

/** None, and the file is removed, when the content does not have the digest it is named by. */
async function readItem(directory: string, digest: string): Promise<Uint8Array | undefined> {
  if (!NAME.test(digest)) return undefined;
  const path = join(directory, digest);
  try {
    const item = await readBounded(path, MAX_ITEM_BYTES);
    if (sha256Hex(item) === digest) return item;
  } catch (error) {
    if (!(error instanceof CmcdError)) throw error;
  }
  await rm(path, { force: true });
  return undefined;
}

async function names(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => NAME.test(name));
}

/** A location may hold what others should not read. */
function keyOf(location: string): string {
  return sha256Hex(encodeUtf8(location));
}

/** Lower-case hex SHA-256. */
export function sha256Hex(item: Uint8Array): string {
  return createHash('sha256').update(item).digest('hex');
}
