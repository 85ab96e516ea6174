import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileAtomic, removeTemporaries, writeFileAtomic } from '../src/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cmc-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('writeFileAtomic', () => {
  test('writes with the permissions asked for, private by default', async () => {
    await writeFileAtomic(join(folder, 'key'), 'secret');
    await writeFileAtomic(join(folder, 'cert'), 'public', { mode: 0o644 });
    expect(statSync(join(folder, 'key')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'cert')).mode & 0o777).toBe(0o644);
  });

  test('leaves the old content and no temporary file when it fails', async () => {
    const path = join(folder, 'state');
    await writeFileAtomic(path, 'old');
    await expect(writeFileAtomic(join(path, 'below-a-file'), 'new')).rejects.toThrow();
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toStrictEqual(['state']);
  });
});

describe('createFileAtomic', () => {
  test('makes a file once, however many try at the same time, and whole', async () => {
    const path = join(folder, 'key');
    const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(10_000));
    const made = await Promise.all(contents.map((content) => createFileAtomic(path, content)));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe(contents[made.indexOf(true)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toStrictEqual(['key']);
  });

  test('leaves what is there, and tells other failures', async () => {
    writeFileSync(join(folder, 'key'), 'old');
    expect(await createFileAtomic(join(folder, 'key'), 'new')).toBe(false);
    expect(readFileSync(join(folder, 'key'), 'utf8')).toBe('old');
    await expect(createFileAtomic(join(folder, 'no', 'key'), 'new')).rejects.toThrow('ENOENT');
    expect(readdirSync(folder)).toStrictEqual(['key']);
  });
});

describe('removeTemporaries', () => {
  test('removes those of one file only, when asked to', async () => {
    writeFileSync(join(folder, '.state.0123456789ab.tmp~'), 'half');
    writeFileSync(join(folder, '.other.0123456789ab.tmp~'), 'half');
    await removeTemporaries(folder, 'state');
    expect(readdirSync(folder)).toStrictEqual(['.other.0123456789ab.tmp~']);
  });

  test('removes what a killed writer left, and nothing else', async () => {
    writeFileSync(join(folder, '.state.0123456789ab.tmp~'), 'half');
    writeFileSync(join(folder, '.hidden'), 'kept');
    writeFileSync(join(folder, 'state'), 'kept');
    await removeTemporaries(folder);
    expect(readdirSync(folder).sort()).toStrictEqual(['.hidden', 'state']);
  });
});
