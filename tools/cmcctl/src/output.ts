import type { CmcctlSettings } from './settings.ts';

/** Prints the outcome of a command: an object for machines, or lines for people. */
export function print(settings: CmcctlSettings, outcome: object, lines: readonly string[]): void {
  process.stdout.write(
    settings.json === true ? `${JSON.stringify(outcome)}\n` : `${lines.join('\n')}\n`,
  );
}

/** `text` in a colour, on terminals only. */
export function colour(text: string, code: 'green' | 'yellow' | 'red'): string {
  const { NO_COLOR } = process.env;
  if (!process.stdout.isTTY || (NO_COLOR !== undefined && NO_COLOR !== '')) return text;
  return `\u001b[${CODES[code]}m${text}\u001b[0m`;
}

const CODES = { green: 32, yellow: 33, red: 31 } as const;
