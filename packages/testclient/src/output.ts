import type { TestclientSettings } from './settings.ts';

/** Prints the outcome of a command: an object for machines, or lines for people. */
export function print(
  settings: TestclientSettings,
  outcome: object,
  lines: readonly string[],
): void {
  const text = settings.json === true ? JSON.stringify(outcome) : lines.join('\n');
  process.stdout.write(`${text}\n`);
}
