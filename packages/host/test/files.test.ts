import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeTemporaries, writeFileAtomic } from '../src/index.ts';

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

describe('removeTemporaries', () => {
  test('removes what a killed writer left, and nothing else', async () => {
    writeFileSync(join(folder, '.state.0123456789ab.tmp~'), 'half');
    writeFileSync(join(folder, '.hidden'), 'kept');
    writeFileSync(join(folder, 'state'), 'kept');
    await removeTemporaries(folder);
    expect(readdirSync(folder).sort()).toStrictEqual(['.hidden', 'state']);
  });
});
