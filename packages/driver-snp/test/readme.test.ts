import { existsSync, readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { DEFAULT_CONFIGFS_PATH, DEFAULT_DEVICE_PATH } from '../src/index.ts';

test('the README shows an example that runs, and does here what it says', async () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
  const log = vi.spyOn(console, 'log').mockReturnValue();
  await import('./readme-example.ts');
  const isGuest = [DEFAULT_CONFIGFS_PATH, DEFAULT_DEVICE_PATH].some((path) => existsSync(path));
  if (!isGuest) expect(log.mock.calls).toEqual([['ERR_SNP_UNAVAILABLE']]);
  expect(log).toHaveBeenCalledTimes(1);
  log.mockRestore();
});
