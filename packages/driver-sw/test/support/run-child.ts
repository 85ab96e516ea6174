import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** One file of plain JavaScript from a TypeScript program: Node 20 runs no TypeScript. */
export async function bundle(entry: string, folder: string): Promise<string> {
  const program = await rolldown({
    input: entry,
    platform: 'node',
    resolve: { conditionNames: ['@cmc/source', 'node', 'import', 'module', 'default'] },
    onLog: () => undefined,
  });
  const file = join(folder, 'program.mjs');
  await program.write({ file, format: 'esm', codeSplitting: false });
  await program.close();
  return file;
}

/** Starts a program in a process of its own; it has ended by the time the test is over. */
export function startChild(program: string, args: readonly string[]): ChildProcess {
  return fork(program, args, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** Exit code, or the signal that ended the process. */
export async function ended(child: ChildProcess): Promise<number | string> {
  const [code, signal] = await once(child, 'exit');
  return (code ?? signal) as number | string;
}
