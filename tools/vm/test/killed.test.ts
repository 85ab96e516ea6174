import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMissing } from './support/requirements.ts';

const END_MS = 5000;
const POLL_MS = 20;
/** A server, as far as its log says. */
const SERVER = `console.error('{"message":"listening"}'); setInterval(() => {}, 1000);`;
/** A test, which has it started. */
const STARTER = `
  const { startProgram } = await import('@cmc/testbed');
  const { child } = await startProgram(process.argv[1], [], 'listening');
  console.log(child.pid);`;

describe.skipIf(await isMissing())('a test that is killed', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-vm-killed-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('leaves no server behind', async () => {
    const server = join(folder, 'server.mjs');
    writeFileSync(server, SERVER);
    const starter = spawn(process.execPath, ['--input-type=module', '-e', STARTER, server], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = (await once(starter.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    starter.kill('SIGKILL');
    const deadline = Date.now() + END_MS;
    while (existsSync(`/proc/${pid}`) && Date.now() < deadline) await setTimeout(POLL_MS);
    const isLeft = existsSync(`/proc/${pid}`);
    if (isLeft) process.kill(pid, 'SIGKILL');
    expect(isLeft).toBe(false);
  });
});
