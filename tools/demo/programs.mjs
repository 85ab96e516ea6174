// Starts the real programs of this repository and takes care that none is left behind.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = {
  cmcd: `${root}packages/cmcd/dist/main.js`,
  cmcctl: `${root}tools/cmcctl/dist/main.js`,
  metatool: `${root}tools/metatool/dist/main.js`,
  provserver: `${root}packages/provserver/dist/main.js`,
};
const START_MS = 15_000;
const STOP_MS = 5_000;

const running = new Set();

/** Runs a program to its end. */
export function run(program, args, cwd) {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN[program], ...args], { cwd }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

/** Runs a program that must succeed. */
export async function mustRun(program, args, cwd) {
  const { code, stdout, stderr } = await run(program, args, cwd);
  if (code !== 0) throw new Error(`${program} ${args[0]} exited with ${code}: ${stderr}`);
  return stdout;
}

/** Starts a server and waits for the log line that `isReady` accepts; resolves with that line. */
export async function start(program, args, cwd, isReady) {
  const child = spawn(process.execPath, [MAIN[program], ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const lines = [];
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const entry = parse(line);
      if (entry !== undefined && isReady(entry)) resolve(entry);
    });
    child.once('exit', (code) =>
      reject(new Error(`${program} exited with ${code}:\n${lines.join('\n')}`)),
    );
    setTimeout(
      () => reject(new Error(`${program} did not start:\n${lines.join('\n')}`)),
      START_MS,
    ).unref();
  });
  return { child, entry: await ready };
}

/** Ends everything that was started. */
export async function stopAll() {
  await Promise.all(
    [...running].map(async (child) => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
    }),
  );
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
