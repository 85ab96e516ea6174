import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

export interface RunOptions {
  readonly cwd?: string;
  /** Text for its standard input. */
  readonly input?: string;
}

/** What a program writes to its standard output. @throws {Error} it fails, with what it said */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, input = '' }: RunOptions = {},
): Promise<string> {
  const running = execute(program, [...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: MAX_OUTPUT_BYTES,
    timeout: TIMEOUT_MS,
  });
  // A program that does not read it all says by its exit code whether that is wrong.
  running.child.stdin?.on('error', () => {}).end(input);
  try {
    return (await running).stdout;
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '';
    throw new Error(`${program} ${args.slice(0, 3).join(' ')} … failed: ${said.slice(-2000)}`, {
      cause,
    });
  }
}

/** Those of the programs that are not installed. */
export async function missingPrograms(programs: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(programs.map(isThere));
  return programs.filter((_, i) => there[i] !== true);
}

async function isThere(program: string): Promise<boolean> {
  // Not all users have them in their PATH.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
