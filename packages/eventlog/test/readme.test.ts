import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeLog } from './readme-example.ts';
import { readVector } from './vectors.ts';

test('the example of the README names events, PCR values and the Secure Boot state', () => {
  const lines = describeLog(readVector('eventlog', 'google-rhel8.bin'));
  expect(lines.at(-1)).toBe('Secure Boot on');
  expect(lines.filter((line) => line.startsWith('PCR '))).toHaveLength(11);
  expect(lines[0]).toBe('0 EV_NO_ACTION');
  const example = readFileSync(new URL('./readme-example.ts', import.meta.url), 'utf8');
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(example);
});
