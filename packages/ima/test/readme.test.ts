import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { readList } from './readme-example.ts';
import { readVector } from './vectors.ts';

test('the example of the README lists entries and gives the state, and stands in the README', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const state = readList([readVector('vm-ovmf', 'ima-1.bin')]);
  expect(state.count).toBe(38);
  expect(log).toHaveBeenCalledTimes(38);
  const example = readFileSync(new URL('./readme-example.ts', import.meta.url), 'utf8');
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(example);
});
