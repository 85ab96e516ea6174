import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** One line of a log in JSON. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A program that serves until it is stopped. */
export interface RunningProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** The first log line with this message, from now or before. Rejects when the program ends first. */
  logged(message: string, where?: (line: LogLine) => boolean): Promise<LogLine>;
  /** Resident memory in bytes, as Linux counts it. */
  residentBytes(): Promise<number>;
  /** Sends a signal and waits for the end: exit code, or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Then it is killed. Default 30,000. */
  readonly timeoutMs?: number;
}

/** Time that {@link buildPackage} may take: everything has to be built on a fresh clone. */
export const BUILD_TIMEOUT_MS = 120_000;

const LOG_TIMEOUT_MS = 15_000;
/** Of util-linux: runs a program that is killed when this process ends, however that happens. */
const SETPRIV = '/usr/bin/setpriv';
const WITH_PARENT: readonly string[] = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL'] : [];
const TSC = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));

/** Builds the package in `folder` and what it depends on, unless they are up to date. */
export function buildPackage(folder: string): void {
  execFileSync(TSC, ['--build'], { cwd: folder, stdio: 'inherit', timeout: BUILD_TIMEOUT_MS });
}

/**
 * Starts the program in the file `main` and waits until it has logged `ready`. As its log goes to no
 * terminal, it is in JSON. Where Linux has setpriv, it ends with this process, also when that is
 * killed.
 */
export async function startProgram(
  main: string,
  args: readonly string[],
  ready: string,
): Promise<RunningProgram> {
  const [program = '', ...rest] = [...WITH_PARENT, process.execPath, main, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(parseLine(line));
    wake();
  });
  child.once('exit', wake);

  const logged: RunningProgram['logged'] = (message, where = () => true) =>
    new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        outcome();
      };
      const fail = (why: string): void =>
        settle(() => reject(new Error(`${main} ${why}: ${JSON.stringify(log, undefined, 1)}`)));
      const look = (): void => {
        const found = log.find((line) => line['message'] === message && where(line));
        if (found !== undefined) settle(() => resolve(found));
        else if (child.exitCode !== null) fail(`ended with ${child.exitCode}`);
      };
      const timer = setTimeout(() => fail(`did not log ${message}`), LOG_TIMEOUT_MS);
      waiting.add(look);
      look();
    });
  const stop: RunningProgram['stop'] = async (signal = 'SIGTERM') => {
    child.kill(signal);
    return await ended;
  };
  const running: RunningProgram = {
    child,
    log,
    logged,
    residentBytes: async () => await residentBytes(child.pid),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop('SIGKILL');
    },
  };
  try {
    await logged(ready);
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
  return running;
}

/** Runs the program in the file `main` to its end. A program that is killed has code -1. */
export function runProgram(
  main: string,
  args: readonly string[],
  { cwd, timeoutMs = 30_000 }: RunOptions = {},
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', ...(cwd && { cwd }) } as const;
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line);
  } catch {
    return { message: line };
  }
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
