import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { encodeUtf8 } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { ItemCollector } from '../../src/metadata/collector.ts';
import { readBounded } from '../../src/metadata/files.ts';
import { MAX_ITEM_BYTES, MAX_ITEMS } from '../../src/metadata/limits.ts';
import { createMetadataSource } from '../../src/metadata/source.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function texts(items: readonly Uint8Array[]): string[] {
  return items.map((item) => new TextDecoder().decode(item));
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

async function load(...locations: readonly string[]): Promise<string[]> {
  return texts(await (await createMetadataSource({ locations })).load());
}

describe('createMetadataSource', () => {
  test('reads one file', async () => {
    const folder = folderWith({ 'a.json': 'A', 'b.json': 'B' });
    expect(await load(`file://${folder}/b.json`)).toStrictEqual(['B']);
  });

  test('reads the files of a folder by name, those behind links too, and no folder in it', async () => {
    const folder = folderWith({ 'b.json': 'B', 'a.json': 'A' });
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub', 'c.json'), 'C');
    symlinkSync(join(folder, 'sub', 'c.json'), join(folder, 'z.json'));
    expect(await load(`file://${folder}`)).toStrictEqual(['A', 'B', 'C']);
  });

  test('reads the items of a blob, and all locations in their order', async () => {
    const folder = folderWith({ blob: '{"a":1}{"b":2}\0\0', file: 'F' });
    expect(await load(`blob://${folder}/blob`, `file://${folder}/file`)).toStrictEqual([
      '{"a":1}',
      '{"b":2}',
      'F',
    ]);
  });

  test('has nothing without locations', async () => {
    expect(await load()).toStrictEqual([]);
  });

  test.each(['/path', 'file://', 'ftp://host/x', 'http://', 'data:,x', ''])(
    'refuses the location %j when it is made',
    async (location) => {
      await expect(createMetadataSource({ locations: [location] })).rejects.toMatchObject({
        code: 'ERR_METADATA_LOCATION',
      });
    },
  );

  test('rejects when a location is missing, and names it', async () => {
    const folder = folderWith({ 'a.json': 'A' });
    await expect(load(`file://${folder}`, `file://${folder}/missing`)).rejects.toMatchObject({
      code: 'ERR_METADATA_LOCATION',
      message: expect.stringContaining(`${folder}/missing (ENOENT)`),
    });
  });

  test('rejects when it was aborted', async () => {
    const source = await createMetadataSource({ locations: [] });
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(source.load({ signal })).rejects.toThrow('stop');
  });
});

describe('several locations with a cache', () => {
  /** Two folders, loaded once, and what is loaded from them now. */
  async function world() {
    const cache = join(temporaryFolder(), 'cache');
    const [first, second] = [folderWith({ 'a.json': 'A' }), folderWith({ 'b.json': 'B' })];
    const locations = [`file://${first}`, `file://${second}`];
    const start = async () => await createMetadataSource({ locations, cache });
    const source = await start();
    await source.load();
    return { cache, first, second, start, load: async () => texts(await source.load()) };
  }
  const put = (folder: string, name: string, content: string): void =>
    writeFileSync(join(folder, name), content);

  test('one that fails gives its last set, the others what they have now', async () => {
    const { first, second, load } = await world();
    put(first, 'a.json', 'A2');
    put(first, 'c.json', 'C');
    rmSync(second, { recursive: true });
    expect(await load()).toStrictEqual(['A2', 'C', 'B']);
    rmSync(join(first, 'c.json'));
    expect(await load()).toStrictEqual(['A2', 'B']);
  });

  test('R35 nothing of another location comes back with the set of one that fails', async () => {
    const { first, second, load } = await world();
    rmSync(join(first, 'a.json'));
    rmSync(second, { recursive: true });
    expect(await load()).toStrictEqual(['B']);
  });

  test('one that fails in the middle counts for nothing: its last set is whole', async () => {
    const { first, load } = await world();
    put(first, '0.json', 'new');
    put(first, 'z.json', 'x'.repeat(MAX_ITEM_BYTES + 1));
    expect(await load()).toStrictEqual(['A', 'B']);
  });

  test('one that does not fit gives its last set', async () => {
    const { first, second, load } = await world();
    const count = MAX_ITEMS / 2;
    for (let i = 0; i < count; i++) put(first, `${i}`, '1');
    for (let i = 0; i < count; i++) put(second, `${i}`, '2');
    expect(await load()).toStrictEqual([...Array.from({ length: count }, () => '1'), 'A', 'B']);
  });

  test('the last set is that of the last time without a failure, also after a start', async () => {
    const { first, second, start, load } = await world();
    put(second, 'b.json', 'B2');
    await load();
    rmSync(second, { recursive: true });
    put(first, 'a.json', 'A2');
    await load();
    rmSync(first, { recursive: true });
    expect(texts(await (await start()).load())).toStrictEqual(['A2', 'B2']);
  });

  test('an empty set is a set', async () => {
    const { second, load } = await world();
    rmSync(join(second, 'b.json'));
    await load();
    rmSync(second, { recursive: true });
    expect(await load()).toStrictEqual(['A']);
  });

  test('one that was never loaded has no set: nothing is loaded', async () => {
    const { cache, first } = await world();
    const locations = [`file://${first}`, 'file:///does/not/exist'];
    const source = await createMetadataSource({ locations, cache });
    await expect(source.load()).rejects.toMatchObject({ code: 'ERR_METADATA_LOCATION' });
  });

  test.each<[string, (cache: string, name: string) => void]>([
    ['was changed', (cache, name) => writeFileSync(join(cache, name), 'forged')],
    ['is missing', (cache, name) => rmSync(join(cache, name))],
    [
      'is endless',
      (cache, name) => {
        rmSync(join(cache, name));
        symlinkSync('/dev/zero', join(cache, name));
      },
    ],
  ])('R37 no set is used of which an item %s; the next load mends the cache', async (_, spoil) => {
    const { cache, second, load } = await world();
    const away = `${second}-away`;
    renameSync(second, away);
    spoil(cache, createHash('sha256').update('B').digest('hex'));
    await expect(load()).rejects.toMatchObject({ code: 'ERR_METADATA_LOCATION' });
    renameSync(away, second);
    await load();
    renameSync(second, away);
    expect(await load()).toStrictEqual(['A', 'B']);
    renameSync(away, second);
  });

  test.each(['', '{', '{"locations":{"x":"y"}}', '[]'])(
    'R37 no set is used when the cache does not say whose its items are: %j',
    async (index) => {
      const { cache, second, load } = await world();
      writeFileSync(join(cache, 'locations.json'), index);
      rmSync(second, { recursive: true });
      await expect(load()).rejects.toMatchObject({ code: 'ERR_METADATA_LOCATION' });
    },
  );

  test('R37 the cache leads to no file outside of it', async () => {
    const { cache, second, load } = await world();
    const secret = join(cache, '../secret');
    writeFileSync(secret, 'secret');
    const index = join(cache, 'locations.json');
    const digest = createHash('sha256').update('B').digest('hex');
    writeFileSync(index, readFileSync(index, 'utf8').replace(digest, '../secret'));
    rmSync(second, { recursive: true });
    await expect(load()).rejects.toMatchObject({ code: 'ERR_METADATA_LOCATION' });
    expect(readFileSync(secret, 'utf8')).toBe('secret');
  });

  test('keeps what there is, and drops what is not there any more, but files of others', async () => {
    const { cache, first, load } = await world();
    writeFileSync(join(cache, 'README'), 'mine');
    put(first, 'a.json', 'A2');
    await load();
    const names = ['A2', 'B'].map((text) => createHash('sha256').update(text).digest('hex'));
    expect(readdirSync(cache).sort()).toStrictEqual([...names, 'README', 'locations.json'].sort());
  });

  test('does not tell readers of the cache where the locations are', async () => {
    const { cache, first } = await world();
    expect(readFileSync(join(cache, 'locations.json'), 'utf8')).not.toContain(first);
  });
});

describe('limits', () => {
  test('takes no more than the number of items allowed', () => {
    const collector = new ItemCollector();
    for (let i = 0; i < MAX_ITEMS; i++) collector.add(new Uint8Array(1));
    expect(() => collector.add(new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'ERR_METADATA_LIMIT' }),
    );
  });

  test('takes no item that is too large, and not too many bytes in all', () => {
    const collector = new ItemCollector();
    const limit = expect.objectContaining({ code: 'ERR_METADATA_LIMIT' });
    expect(() => collector.add(new Uint8Array(MAX_ITEM_BYTES + 1))).toThrow(limit);
    for (let i = 0; i < 4; i++) collector.add(new Uint8Array(MAX_ITEM_BYTES));
    expect(() => collector.add(new Uint8Array(1))).toThrow(limit);
  });

  test('stops reading a file at its limit, even one that never ends', async () => {
    await expect(readBounded('/dev/zero', 1000)).rejects.toMatchObject({
      code: 'ERR_METADATA_LIMIT',
    });
    const folder = folderWith({ exact: '12345' });
    expect(await readBounded(join(folder, 'exact'), 5)).toStrictEqual(encodeUtf8('12345'));
    await expect(readBounded(join(folder, 'exact'), 4)).rejects.toMatchObject({
      code: 'ERR_METADATA_LIMIT',
    });
  });
});
