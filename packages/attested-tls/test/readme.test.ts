import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';

test('the example of the README does what its comments say', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  await import('./readme-example.ts');
  await vi.waitFor(() => expect(log).toHaveBeenCalledTimes(2));
  expect(log.mock.calls).toEqual([
    ["the server's software is success"],
    ['hello, your software is success'],
  ]);
  log.mockRestore();
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
});
