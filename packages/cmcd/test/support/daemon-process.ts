import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ApiName, type CmcClient, createCmcClient } from '@cmc/api';
import { openContainerLog } from '@cmc/driver-sw';
import { expect, onTestFinished } from 'vitest';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { MAIN } from './build.ts';
import type { World } from './world.ts';

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A daemon in a process of its own. */
export interface DaemonProcess {
  readonly child: ChildProcess;
  readonly log: readonly LogLine[];
  /** The first log line with this message from now or before. */
  logged(message: string): Promise<LogLine>;
  /** A client of an API that the daemon serves, closed after the test. */
  client(api: ApiName): Promise<CmcClient>;
  /** Sends a signal and waits for the end: exit code, or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export interface StartOptions {
  readonly args?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

/** Writes a config file into the folder of `world`. */
export function writeConfig(world: World, config: CmcdConfig): string {
  const file = join(world.folder, 'cmcd.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Starts the daemon and waits until it is ready; the container of the world runs. */
export async function startProcess(
  world: World,
  change: Partial<CmcdConfig> = {},
  { args = [], environment = process.env }: StartOptions = {},
): Promise<DaemonProcess> {
  const config = world.config(change);
  mkdirSync(config.storage ?? '', { recursive: true });
  await openContainerLog({ path: join(config.storage ?? '', 'container-log.json') }).append(
    world.event,
  );
  const child = spawn(process.execPath, [MAIN, '--config', writeConfig(world, config), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environment,
  });
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const log: LogLine[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => log.push(JSON.parse(line)));
  const logged: DaemonProcess['logged'] = async (message) => {
    let found: LogLine | undefined;
    await expect
      .poll(
        () => {
          found = log.find((line) => line['message'] === message);
          if (child.exitCode !== null) throw new Error(`ended: ${JSON.stringify(log)}`);
          return found;
        },
        { timeout: 10_000, interval: 5 },
      )
      .toBeDefined();
    return found ?? {};
  };
  await logged('ready');
  return {
    child,
    log,
    logged,
    client: async (api) => {
      const line = log.find((each) => each['message'] === 'listening' && each['api'] === api);
      const client = await createCmcClient({ api, address: String(line?.['address']) });
      onTestFinished(async () => await client.close());
      return client;
    },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return await ended;
    },
  };
}

/** Runs the program to its end. */
export function runProgram(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 15_000 });
}
