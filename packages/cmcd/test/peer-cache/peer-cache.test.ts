import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPeerCache } from '../../src/peer-cache/peer-cache.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PEER = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

function digestOf(item: Uint8Array, hash = 'sha256'): string {
  return createHash(hash).update(item).digest('hex');
}

function items(...contents: readonly Uint8Array[]): Map<string, Uint8Array> {
  return new Map(contents.map((content) => [digestOf(content), content]));
}

function bytes(length: number, fill = 0): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

describe.each(['memory', 'disk'])('peer cache in %s', (kind) => {
  const options = (): { directory?: string } =>
    kind === 'disk' ? { directory: join(temporaryFolder(), 'peers') } : {};

  test('gives back what was stored for a peer, and nothing for another', async () => {
    const cache = await openPeerCache(options());
    const stored = items(bytes(3, 1), bytes(5, 2));
    await cache.replace(PEER, stored);
    expect(await cache.read(PEER)).toStrictEqual(stored);
    expect([...cache.digests(PEER)].sort()).toStrictEqual([...stored.keys()].sort());
    expect(cache.digests(OTHER)).toStrictEqual([]);
    expect(await cache.read(OTHER)).toStrictEqual(new Map());
    expect(cache.size).toStrictEqual({ peers: 1, items: 2, bytes: 8 });
  });

  test('replaces all items of a peer by the new ones', async () => {
    const cache = await openPeerCache(options());
    await cache.replace(PEER, items(bytes(3, 1), bytes(5, 2)));
    const next = items(bytes(5, 2), bytes(7, 3));
    await cache.replace(PEER, next);
    expect(await cache.read(PEER)).toStrictEqual(next);
    await cache.replace(PEER, new Map());
    expect(cache.size).toStrictEqual({ peers: 0, items: 0, bytes: 0 });
  });

  test('takes digests of SHA-384 and SHA-512 too', async () => {
    const cache = await openPeerCache(options());
    const item = bytes(9, 9);
    const stored = new Map(['sha384', 'sha512'].map((hash) => [digestOf(item, hash), item]));
    await cache.replace(PEER, stored);
    expect(await cache.read(PEER)).toStrictEqual(stored);
  });

  test('R37 evicts the peer that was not used for longest, by number of peers', async () => {
    const cache = await openPeerCache({ ...options(), maxPeers: 2 });
    const third = 'ef'.repeat(32);
    await cache.replace(PEER, items(bytes(1, 1)));
    await cache.replace(OTHER, items(bytes(1, 2)));
    await cache.read(PEER);
    await cache.replace(third, items(bytes(1, 3)));
    expect(cache.digests(OTHER)).toStrictEqual([]);
    expect(cache.digests(PEER)).toHaveLength(1);
    expect(cache.digests(third)).toHaveLength(1);
  });

  test('R37 evicts peers when all together have too many bytes', async () => {
    const cache = await openPeerCache({ ...options(), maxBytes: 100 });
    await cache.replace(PEER, items(bytes(60, 1)));
    await cache.replace(OTHER, items(bytes(60, 2)));
    expect(cache.size).toStrictEqual({ peers: 1, items: 1, bytes: 60 });
    expect(cache.digests(OTHER)).toHaveLength(1);
  });

  test('R37 does not cache a peer with too many items or bytes, and keeps what was there', async () => {
    const cache = await openPeerCache({ ...options(), maxItemsPerPeer: 2, maxBytesPerPeer: 50 });
    const stored = items(bytes(1, 1));
    await cache.replace(PEER, stored);
    await cache.replace(PEER, items(bytes(1, 1), bytes(1, 2), bytes(1, 3)));
    await cache.replace(PEER, items(bytes(51)));
    expect(await cache.read(PEER)).toStrictEqual(stored);
  });

  test.each([
    ['empty', ''],
    ['a path out of the folder', '../../etc'],
    ['upper case', 'AB'.repeat(32)],
    ['too short', 'ab'.repeat(31)],
    ['with a line break', `${'ab'.repeat(32)}\n`],
  ])('R37 refuses a peer id that is %s', async (_, peer) => {
    const cache = await openPeerCache(options());
    await expect(cache.replace(peer, items(bytes(1)))).rejects.toMatchObject({
      code: 'ERR_PEER_CACHE_PEER',
    });
    expect(cache.digests(peer)).toStrictEqual([]);
    expect(await cache.read(peer)).toStrictEqual(new Map());
  });

  test.each([
    ['of other bytes', 'ab'.repeat(32)],
    ['that is a path', `../${digestOf(new Uint8Array(1))}`],
    ['in upper case', digestOf(new Uint8Array(1)).toUpperCase()],
    ['of no known length', digestOf(new Uint8Array(1), 'sha1')],
  ])('R37 refuses to store an item under a digest %s', async (_, digest) => {
    const cache = await openPeerCache(options());
    const bad = new Map([[digest, bytes(1)]]);
    await expect(cache.replace(PEER, bad)).rejects.toMatchObject({ code: 'ERR_PEER_CACHE_DIGEST' });
    expect(cache.size.items).toBe(0);
  });

  test('survives many changes of the same peers at once', async () => {
    const cache = await openPeerCache({ ...options(), maxPeers: 3 });
    const peers = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(64));
    const contents = Array.from({ length: 4 }, (_, i) => bytes(10, i));
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const peer = peers[i % peers.length] ?? '';
        await cache.replace(peer, items(...contents.slice(0, 1 + (i % 4))));
        await cache.read(peer);
      }),
    );
    const { size } = cache;
    expect(size.peers).toBe(3);
    expect(size.bytes).toBe(10 * size.items);
    for (const peer of peers) {
      expect((await cache.read(peer)).size).toBe(cache.digests(peer).length);
    }
  });
});

describe('peer cache on disk', () => {
  test('keeps items as <peer>/<digest>, readable by the owner only, over a restart', async () => {
    const directory = join(temporaryFolder(), 'peers');
    const stored = items(bytes(4, 1), bytes(6, 2));
    await (await openPeerCache({ directory })).replace(PEER, stored);
    for (const [digest, item] of stored) {
      const path = join(directory, PEER, digest);
      expect(new Uint8Array(readFileSync(path))).toStrictEqual(item);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    const again = await openPeerCache({ directory });
    expect(await again.read(PEER)).toStrictEqual(stored);
    expect(again.size).toStrictEqual({ peers: 1, items: 2, bytes: 10 });
  });

  test('R37 does not give back an item whose content changed, and forgets it', async () => {
    const directory = temporaryFolder();
    const cache = await openPeerCache({ directory });
    const [good, bad] = [bytes(4, 1), bytes(4, 2)];
    await cache.replace(PEER, items(good, bad));
    writeFileSync(join(directory, PEER, digestOf(bad)), bytes(4, 3));
    expect(await cache.read(PEER)).toStrictEqual(items(good));
    expect(cache.digests(PEER)).toStrictEqual([digestOf(good)]);
    expect(existsSync(join(directory, PEER, digestOf(bad)))).toBe(false);
    expect(await (await openPeerCache({ directory })).read(PEER)).toStrictEqual(items(good));
  });

  test('R37 forgets items that are cut short or gone', async () => {
    const directory = temporaryFolder();
    const cache = await openPeerCache({ directory });
    await cache.replace(PEER, items(bytes(4, 1)));
    truncateSync(join(directory, PEER, digestOf(bytes(4, 1))), 2);
    expect((await cache.read(PEER)).size).toBe(0);
    expect(cache.digests(PEER)).toStrictEqual([]);
  });

  test('R37 follows no symbolic link', async () => {
    const directory = temporaryFolder();
    const secret = bytes(4, 7);
    const outside = join(temporaryFolder(), 'secret');
    writeFileSync(outside, secret);
    mkdirSync(join(directory, PEER));
    symlinkSync(outside, join(directory, PEER, digestOf(secret)));
    const cache = await openPeerCache({ directory });
    expect(cache.size.items).toBe(0);
    expect(await cache.read(PEER)).toStrictEqual(new Map());

    // Not one that comes later either, in place of what was there.
    await cache.replace(PEER, items(secret));
    const file = join(directory, PEER, digestOf(secret));
    rmSync(file);
    symlinkSync(outside, file);
    expect(await cache.read(PEER)).toStrictEqual(new Map());
  });

  test('ignores and keeps files that are not its own', async () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, 'README'), 'mine');
    mkdirSync(join(directory, 'notes'));
    mkdirSync(join(directory, PEER));
    writeFileSync(join(directory, PEER, 'keep'), 'mine');
    const cache = await openPeerCache({ directory });
    await cache.replace(PEER, items(bytes(1)));
    await cache.replace(PEER, new Map());
    expect(readdirSync(directory).sort()).toStrictEqual([PEER, 'README', 'notes'].sort());
    expect(readdirSync(join(directory, PEER))).toStrictEqual(['keep']);
  });

  test('applies its limits to what it finds at start, oldest first', async () => {
    const directory = temporaryFolder();
    const first = await openPeerCache({ directory });
    await first.replace(PEER, items(bytes(10, 1)));
    await first.replace(OTHER, items(bytes(10, 2)));
    utimesSync(join(directory, OTHER), new Date(1e12), new Date(1e12));
    const second = await openPeerCache({ directory, maxPeers: 1 });
    expect(second.digests(PEER)).toHaveLength(1);
    expect(readdirSync(directory)).toStrictEqual([PEER]);
  });

  test('rejects when it cannot write, and stays usable', async () => {
    const directory = temporaryFolder();
    const cache = await openPeerCache({ directory });
    writeFileSync(join(directory, PEER), 'in the way');
    await expect(cache.replace(PEER, items(bytes(1)))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(cache.size).toStrictEqual({ peers: 0, items: 0, bytes: 0 });
    await cache.replace(OTHER, items(bytes(1)));
    expect(cache.digests(OTHER)).toHaveLength(1);
  });

  test('removes what a killed writer left', async () => {
    const directory = temporaryFolder();
    await (await openPeerCache({ directory })).replace(PEER, items(bytes(1)));
    const rest = join(directory, PEER, `.${'ab'.repeat(32)}.0123456789ab.tmp~`);
    writeFileSync(rest, randomBytes(10));
    await openPeerCache({ directory });
    expect(existsSync(rest)).toBe(false);
  });
});
