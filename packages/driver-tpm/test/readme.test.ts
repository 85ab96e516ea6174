import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';

test('the README shows an example that runs, and does here what it says', async () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
  const log = vi.spyOn(console, 'log').mockReturnValue();
  await import('./readme-example.ts');
  expect(log.mock.calls).toEqual([['ERR_TPM_DRIVER_CERTIFICATE']]);
  log.mockRestore();
});
