import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig, suggest } from '../src/index.ts';

const schema = v.strictObject({
  address: v.string(),
  level: v.optional(v.picklist(['info', 'debug']), 'info'),
  limit: v.optional(v.number()),
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cmc-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('readConfig', () => {
  test('a later file wins over an earlier one, and a flag over both', async () => {
    const files = [file('a.json', { address: 'a', limit: 1 }), file('b.json', { address: 'b' })];
    expect(await readConfig(schema, { files })).toStrictEqual({
      address: 'b',
      level: 'info',
      limit: 1,
    });
    const flags = { address: 'flag', limit: undefined };
    expect(await readConfig(schema, { files, flags })).toMatchObject({ address: 'flag', limit: 1 });
  });

  test('refuses an unknown key and suggests the one that was meant', async () => {
    await expect(
      readConfig(schema, { files: [file('c.json', { adress: 'a' })] }),
    ).rejects.toMatchObject({
      code: 'ERR_CONFIG_UNKNOWN_KEY',
      message: expect.stringContaining('did you mean "address"?'),
    });
  });

  test('names the key whose value is wrong', async () => {
    const files = [file('d.json', { address: 'a', level: 'loud' })];
    await expect(readConfig(schema, { files })).rejects.toMatchObject({
      code: 'ERR_CONFIG_VALUE',
      message: expect.stringMatching(/d\.json: level: .*"info".*loud/),
    });
  });

  test.each([
    ['a missing file', 'missing.json', undefined, 'ERR_CONFIG_UNREADABLE'],
    ['text that is not JSON', 'e.json', '{', 'ERR_CONFIG_SYNTAX'],
    ['a key twice', 'twice.json', '{"address":"a","address":"b"}', 'ERR_CONFIG_SYNTAX'],
    ['a nested key twice', 'nested.json', '{"x":[{"a":1,"a":1}]}', 'ERR_CONFIG_SYNTAX'],
    ['an array', 'f.json', '[]', 'ERR_CONFIG_SYNTAX'],
    ['a missing key', 'g.json', '{}', 'ERR_CONFIG_VALUE'],
  ])('refuses %s', async (_, name, content, code) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    await expect(readConfig(schema, { files: [path] })).rejects.toMatchObject({ code });
  });
});

describe('suggest', () => {
  test('finds the near word and refuses to guess a far one', () => {
    expect(suggest('metdata', ['metadata', 'storage'])).toBe('metadata');
    expect(suggest('zzz', ['metadata', 'storage'])).toBeUndefined();
  });
});
