import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

describe('offline cache', () => {
  test('keeps the last complete set and fills up from it when a location fails', async () => {
    const cache = join(temporaryFolder(), 'cache');
    const kept = folderWith({ 'a.json': 'A' });
    const failing = folderWith({ 'b.json': 'B' });
    const locations = [`file://${kept}`, `file://${failing}`];
    const source = await createMetadataSource({ locations, cache });
    await source.load();
    const names = ['A', 'B'].map((text) => createHash('sha256').update(text).digest('hex'));
    expect(readdirSync(cache).sort()).toStrictEqual(names.sort());
    rmSync(failing, { recursive: true });
    expect(texts(await source.load()).sort()).toStrictEqual(['A', 'B']);
  });

  test('drops from the cache what is not there any more', async () => {
    const cache = temporaryFolder();
    writeFileSync(join(cache, 'README'), 'mine');
    const folder = folderWith({ 'a.json': 'A' });
    const source = await createMetadataSource({ locations: [`file://${folder}`], cache });
    await source.load();
    rmSync(join(folder, 'a.json'));
    await source.load();
    expect(readdirSync(cache)).toStrictEqual(['README']);
  });

  test('ignores a cached item that does not have its digest', async () => {
    const cache = temporaryFolder();
    writeFileSync(join(cache, 'ab'.repeat(32)), 'forged');
    const source = await createMetadataSource({ locations: ['file:///does/not/exist'], cache });
    await expect(source.load()).rejects.toMatchObject({ code: 'ERR_METADATA_LOCATION' });
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
