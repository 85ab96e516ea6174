import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openMetadataVersions } from '../../src/cmc/metadata-versions.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const OLD = '2026-01-01T00:00:00Z';
const NEW = '2026-01-02T00:00:00Z';

describe('openMetadataVersions', () => {
  test('R35 remembers the newest version per type and name, and never goes back', async () => {
    const versions = await openMetadataVersions();
    expect(versions.lastSeen('Manifest', 'a')).toBeUndefined();
    await versions.remember('Manifest', 'a', NEW);
    await versions.remember('Manifest', 'a', OLD);
    await versions.remember('Manifest', 'b', OLD);
    expect(versions.lastSeen('Manifest', 'a')).toBe(NEW);
    expect(versions.lastSeen('Manifest', 'b')).toBe(OLD);
    expect(versions.lastSeen('Image Description', 'a')).toBeUndefined();
  });

  test.each([
    ['2026-01-01T00:00:00.1Z', '2026-01-01T00:00:00.100000001Z'],
    ['2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00.5Z'],
    ['2026-01-01T00:30:00Z', '2026-01-01T00:00:00-01:00'],
  ])('R35 takes %s for older than %s', async (older, newer) => {
    const versions = await openMetadataVersions();
    await versions.remember('Manifest', 'a', older);
    await versions.remember('Manifest', 'a', newer);
    await versions.remember('Manifest', 'a', older);
    expect(versions.lastSeen('Manifest', 'a')).toBe(newer);
  });

  test('R35 keeps them over a restart, in a file of the owner', async () => {
    const file = join(temporaryFolder(), 'versions.json');
    const first = await openMetadataVersions({ file });
    const names = ['a', '__proto__', 'with "quotes"\n'];
    await Promise.all(names.map((name) => first.remember('Manifest', name, NEW)));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const second = await openMetadataVersions({ file });
    for (const name of names) expect(second.lastSeen('Manifest', name)).toBe(NEW);
  });

  test('does not write when nothing is newer', async () => {
    const file = join(temporaryFolder(), 'versions.json');
    const versions = await openMetadataVersions({ file });
    await versions.remember('Manifest', 'a', NEW);
    const { ino } = statSync(file);
    await versions.remember('Manifest', 'a', NEW);
    expect(statSync(file).ino).toBe(ino);
  });

  test('stays usable when it cannot write', async () => {
    const versions = await openMetadataVersions({ file: '/nonexistent/folder/versions.json' });
    await versions.remember('Manifest', 'a', NEW);
    expect(versions.lastSeen('Manifest', 'a')).toBe(NEW);
  });

  test.each([
    ['no JSON', '{'],
    ['an object', '{}'],
    ['a row with too few members', '[["Manifest","a"]]'],
    ['a version that is no time', '[["Manifest","a","1.0"]]'],
  ])('R35 refuses to start with a file of %s: nothing would be remembered', async (_, text) => {
    const file = join(temporaryFolder(), 'versions.json');
    writeFileSync(file, text);
    await expect(openMetadataVersions({ file })).rejects.toMatchObject({
      code: 'ERR_METADATA_VERSIONS',
    });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
