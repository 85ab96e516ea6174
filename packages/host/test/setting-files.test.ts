import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeUtf8 } from '@cmc/bytes';
import { expect, onTestFinished, test } from 'vitest';
import { readSettingFiles } from '../src/index.ts';

function filesOf(...contents: readonly string[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'host-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return contents.map((content, index) => {
    const path = join(folder, String(index));
    writeFileSync(path, content);
    return path;
  });
}

const words = (content: Uint8Array): readonly string[] => decodeUtf8(content).split(' ');

test('readSettingFiles gives what all files hold, in order, and tells of those before', async () => {
  const before: number[] = [];
  const found = await readSettingFiles<string>(filesOf('a b', 'c'), 'names', (content, others) => {
    before.push(others.length);
    return words(content);
  });
  expect(found).toEqual(['a', 'b', 'c']);
  expect(before).toEqual([0, 2]);
});

test('readSettingFiles names the setting, the file and the reason', async () => {
  const [good = '', bad = ''] = filesOf('a', 'b');
  const cause = new RangeError('no b, please');
  const parse = (content: Uint8Array): readonly string[] => {
    if (decodeUtf8(content) === 'b') throw cause;
    return words(content);
  };
  await expect(readSettingFiles([good, bad], 'names', parse)).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
    message: `names: ${bad} cannot be used: no b, please`,
    cause,
  });
  await expect(readSettingFiles(['/nonexistent'], 'names', parse)).rejects.toMatchObject({
    code: 'ERR_CONFIG_UNREADABLE',
    message: 'names: cannot read /nonexistent',
  });
});
