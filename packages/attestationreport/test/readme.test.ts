import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';

test('the example of the README does what its comments say', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const example = './readme-example.mjs';
  await import(example);
  expect(log.mock.calls.flat()).toEqual([
    false,
    'The report of toaster is refused.',
    'The metadata as a whole: there is no image description (error 70).',
    'The metadata as a whole: no manifest is the root (its only base layer its own name) (error 73).',
    'The SW measurement: the evidence or its key is missing (error 75).',
    'No measurement was compared with a reference value (error 51).',
  ]);
  log.mockRestore();
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`js\n${read('readme-example.mjs')}\`\`\``);
});
