import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import type { WaitOptions } from '@cmc/attestationreport';
import { SoftwareDriverError } from '../errors.ts';
import { readCapabilities } from './capabilities.ts';
import { readContent } from './content.ts';
import { readAhead } from './read-ahead.ts';
import {
  encodeTarEntry,
  TAR_BLOCK_BYTES,
  type TarEntry,
  type TarEntryType,
  tarPadding,
} from './tar-entry.ts';
import { type WalkEntry, walk } from './walk.ts';

export interface HashRootfsOptions extends WaitOptions {
  /**
   * Hashes as if no file had capabilities, which then may differ unnoticed. Default: they are read
   * with the program `getfattr` (package attr).
   */
  readonly insecureIgnoreCapabilities?: boolean;
}

/** Entries that are read while earlier ones are hashed, as far as their files are small. */
const READ_AHEAD = 16;
const SMALL_BYTES = 64n * 1024n;
const SLASH = Buffer.from('/');
const NOTHING = new Uint8Array();
const AS_BYTES = { encoding: 'buffer' } as const;

/**
 * SHA-256 over the files of a container: of their names, contents, permissions, owners' numbers,
 * links, device numbers and capabilities, not of their times. The hash is that of an archive (POSIX
 * pax) of the tree; sockets are left out, and of files with several links all but the first are
 * links.
 *
 * @throws {SoftwareDriverError} ERR_ROOTFS_ENTRY, ERR_ROOTFS_CHANGED, ERR_ROOTFS_CAPABILITIES
 */
export async function hashRootfs(
  folder: string,
  options: HashRootfsOptions = {},
): Promise<Uint8Array> {
  const { signal, insecureIgnoreCapabilities = false } = options;
  const root = Buffer.from(folder);
  if (!(await lstat(root)).isDirectory()) {
    throw new SoftwareDriverError('ERR_ROOTFS_ENTRY', `${folder} is not a folder`);
  }
  const capabilities = insecureIgnoreCapabilities
    ? new Map<string, Uint8Array>()
    : await readCapabilities(folder, options);
  const archive = createHash('sha256');
  const firstNames = new Map<bigint, Buffer>();
  for await (const { entry, content } of readAhead(walk(root), READ_AHEAD, loadSmall)) {
    signal?.throwIfAborted();
    if (entry.stats.isSocket()) continue;
    const tarEntry = await describe(entry, firstNames, capabilities);
    archive.update(encodeTarEntry(tarEntry));
    if (tarEntry.type !== '0') continue;
    for await (const chunk of content ?? readContent(entry)) archive.update(chunk);
    archive.update(tarPadding(tarEntry.size));
  }
  archive.update(new Uint8Array(2 * TAR_BLOCK_BYTES));
  return new Uint8Array(archive.digest());
}

interface LoadedEntry {
  readonly entry: WalkEntry;
  /** Of small files only. */
  readonly content?: readonly Uint8Array[];
}

async function loadSmall(entry: WalkEntry): Promise<LoadedEntry> {
  const { stats } = entry;
  if (!stats.isFile() || stats.size > SMALL_BYTES) return { entry };
  const content: Uint8Array[] = [];
  for await (const chunk of readContent(entry)) content.push(chunk);
  return { entry, content };
}

async function describe(
  { path, name, stats }: WalkEntry,
  firstNames: Map<bigint, Buffer>,
  capabilities: ReadonlyMap<string, Uint8Array>,
): Promise<TarEntry> {
  const isShared = stats.nlink > 1n && !stats.isDirectory();
  const firstName = isShared ? firstNames.get(stats.ino) : undefined;
  if (isShared && firstName === undefined) firstNames.set(stats.ino, name);
  const type = firstName === undefined ? typeOf(stats, path) : '1';
  return {
    type,
    name: stats.isDirectory() ? Buffer.concat([name, SLASH]) : name,
    linkName: firstName ?? (type === '2' ? await readlink(path, AS_BYTES) : NOTHING),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === '0' ? Number(stats.size) : 0,
    // As Linux packs them into one number.
    deviceMajor: Number(((stats.rdev >> 8n) & 0xfffn) | ((stats.rdev >> 32n) & 0xffff_f000n)),
    deviceMinor: Number((stats.rdev & 0xffn) | ((stats.rdev >> 12n) & 0xffff_ff00n)),
    capability: capabilities.get(path.toString('latin1')),
  };
}

function typeOf(stats: BigIntStats, path: Buffer): TarEntryType {
  if (stats.isFile()) return '0';
  if (stats.isSymbolicLink()) return '2';
  if (stats.isCharacterDevice()) return '3';
  if (stats.isBlockDevice()) return '4';
  if (stats.isDirectory()) return '5';
  if (stats.isFIFO()) return '6';
  throw new SoftwareDriverError('ERR_ROOTFS_ENTRY', `${path}: not a kind of file`);
}
