import { readFile } from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { describeWithAddon } from './support/addon.ts';

describeWithAddon('the README', () => {
  it('has an example that prints what it says', async () => {
    const log = vi.spyOn(console, 'log').mockReturnValue();
    await import('./readme-example.ts');
    const printed = log.mock.calls.map((words) => words.join(' '));
    log.mockRestore();
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const example = await readFile(new URL('./readme-example.ts', import.meta.url), 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
    const promised = [...example.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(
      ([, text]) => text,
    );
    expect(printed).toEqual(promised);
    expect(promised).toHaveLength(2);
  });
});
