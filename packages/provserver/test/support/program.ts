import { join } from 'node:path';
import { runProgram } from '@cmc/host';
import { expect, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What one call of the program gave. */
export interface ProgramAnswer {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** One call of the program. */
export async function run(...args: string[]): Promise<ProgramAnswer> {
  let out = '';
  let error = '';
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    error += String(text);
    return true;
  });
  process.exitCode = undefined;
  await runProgram(
    createProgram((text) => {
      out += text;
    }),
    ['node', 'provserver', ...args],
  );
  stderr.mockRestore();
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { code, out, error };
}

/** A new server, and where its settings are. */
export async function initialised(): Promise<{ folder: string; config: string }> {
  const folder = join(temporaryFolder(), 'prov #1');
  const { code, out } = await run('init', '--dir', folder, '--name', 'prov.example,192.0.2.7');
  expect(code).toBe(0);
  return { folder, config: out.trim() };
}
