import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from './support/temporary-folder.ts';

test('the example of the README does what its comments say', async () => {
  vi.stubEnv('TMPDIR', await temporaryFolder());
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const example = './readme-example.mjs';
  await import(example);
  expect(log.mock.calls.flat()).toEqual(['appended', 'known', true]);
  log.mockRestore();
  vi.unstubAllEnvs();
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`js\n${read('readme-example.mjs')}\`\`\``);
});
