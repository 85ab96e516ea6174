import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openContainerLog } from '../../src/index.ts';
import { bundle, ended, startChild } from '../support/run-child.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const APPEND_EVENTS = fileURLToPath(new URL('../support/append-events.ts', import.meta.url));

test('several processes append to one log and lose nothing', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const program = await bundle(APPEND_EVENTS, folder);
  const path = join(folder, 'container.log');
  const children = ['a', 'b', 'c'].map((prefix) => startChild(program, [path, prefix, '20']));
  expect(await Promise.all(children.map(ended))).toEqual([0, 0, 0]);
  const names = ((await openContainerLog({ path }).read())?.events ?? []).map(({ name }) => name);
  for (const prefix of ['a', 'b', 'c']) {
    expect(names.filter((name) => name.startsWith(prefix))).toEqual(
      Array.from({ length: 20 }, (_, i) => `${prefix}${i}`),
    );
  }
  expect(await readdir(folder)).toEqual(['container.log', 'program.mjs']);
});

test('a process killed at any moment leaves a log that the next one continues', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder();
  const program = await bundle(APPEND_EVENTS, folder);
  const path = join(folder, 'container.log');
  const log = openContainerLog({ path });
  const acknowledged: unknown[] = [];
  for (let round = 0; round < 20; round++) {
    const child = startChild(program, [path, `${round}-`, '1000000']);
    child.on('message', (name) => acknowledged.push(name));
    const exit = ended(child);
    await new Promise((resolve) => child.once('message', resolve));
    await sleep(Math.random() * 40);
    child.kill('SIGKILL');
    expect(await exit).toBe('SIGKILL');
    const names = ((await log.read())?.events ?? []).map(({ name }) => name);
    // What was acknowledged is there; the last event may be, without having been acknowledged.
    expect(names.slice(0, acknowledged.length)).toEqual(acknowledged);
    expect(names.length - acknowledged.length).toBeLessThanOrEqual(1);
    acknowledged.splice(0, acknowledged.length, ...names);
  }
  // More than the killed processes needed for their first event each.
  expect(acknowledged.length).toBeGreaterThan(20);
});
