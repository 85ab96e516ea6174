import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseToken } from '../src/auth/token.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

test('the example of the README does what its comments say', async () => {
  const home = process.cwd();
  process.chdir(temporaryFolder());
  onTestFinished(() => process.chdir(home));
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  await import('./readme-example.ts');
  const [[first = ''] = [], ...others] = log.mock.calls;
  log.mockRestore();
  expect(parseToken(first.replace('give this to the device: ', ''))).toBeDefined();
  expect(others).toEqual([['1 entries, none changed or missing']]);
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
});
