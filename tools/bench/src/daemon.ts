import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCmcClient } from '@cmc/api';
import { atMost, type Figure, median } from './benchmark.ts';
import { createWorld, writeConfig } from './world.ts';

const STARTS = 7;
const IDLE_MS = 3000;
const POLL_MS = 2;
const MAIN = fileURLToPath(new URL('../../../packages/cmcd/dist/main.js', import.meta.url));

/** Time from the start of `cmcd` to its first answer, and its memory when idle. */
export async function daemon(folder: string): Promise<readonly Figure[]> {
  const socket = join(folder, 'cmcd.sock');
  const config = writeConfig(await createWorld(folder), folder, socket);
  const times: number[] = [];
  let rss = 0;
  for (let i = 0; i < STARTS; i++) {
    const start = performance.now();
    const child = spawn(process.execPath, [MAIN, '--config', config], { stdio: 'inherit' });
    await firstAnswer(socket);
    times.push(performance.now() - start);
    if (i === STARTS - 1) {
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      rss = residentMegabytes(child.pid ?? 0);
    }
    child.kill();
    await once(child, 'exit');
  }
  return [
    atMost('first answer after start, p50', median(times), 'ms', 400),
    atMost('resident memory when idle', rss, 'MB', 100),
  ];
}

async function firstAnswer(socket: string): Promise<void> {
  const client = await createCmcClient({ api: 'socket', address: socket });
  for (;;) {
    try {
      await client.peerCache({ peer: '' });
      return await client.close();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function residentMegabytes(pid: number): number {
  const [, kilobytes] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1000;
}
