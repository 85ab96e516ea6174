import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));

test('the example of the README runs and prints what it says', () => {
  const readme = readFileSync(join(packageFolder, 'README.md'), 'utf8');
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const folder = mkdtempSync(join(packageFolder, 'dist', 'readme-'));
  const cwd = mkdtempSync(join(tmpdir(), 'cmc-readme-'));
  try {
    const file = join(folder, 'example.mjs');
    writeFileSync(file, example);
    const output = execFileSync(process.execPath, [file], { cwd, encoding: 'utf8' });
    expect(output).toContain('info  configured name=gateway-7');
    expect(output).toContain('unknown key "nmae"; did you mean "name"?');
    expect(JSON.parse(readFileSync(join(cwd, 'state.json'), 'utf8'))).toStrictEqual({
      name: 'gateway-7',
    });
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(cwd, { recursive: true });
  }
});
