import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { resultWith, UNKNOWN_CONTAINER } from './support/result.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

test('the README shows an example that writes the file and says what it could not send', async () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
  const home = process.cwd();
  process.chdir(temporaryFolder());
  onTestFinished(() => process.chdir(home));
  const log = vi.spyOn(console, 'log').mockReturnValue();
  const { tell } = await import('./readme-example.ts');
  await tell(resultWith([UNKNOWN_CONTAINER]));
  expect(log.mock.calls).toEqual([['https://siem.example.org/findings: ERR_PUBLISH_CREDENTIALS']]);
  log.mockRestore();
  expect(JSON.parse(readFileSync('result.json', 'utf8')).prover.hostname).toBe(
    'node-7.example.org',
  );
});
