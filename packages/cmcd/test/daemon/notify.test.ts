import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Logger } from '@cmc/bytes';
import { silentLogger } from '@cmc/bytes';
import { describe, expect, onTestFinished, test } from 'vitest';
import { notifySystemd } from '../../src/daemon/notify.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Plays systemd: binds a datagram socket and prints what arrives. Node.js has no such sockets. */
const RECEIVER = `
import os, socket, sys
name = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\\0" + name[1:] if name.startswith("@") else name)
print("bound", flush=True)
while True:
    message, fds, _, _ = socket.recv_fds(receiver, 4096, 4)
    for fd in fds:
        os.close(fd)
    if message != b"BARRIER=1":
        print(message.decode(), flush=True)
`;

const canReceive =
  spawnSync('python3', ['-c', 'import socket; socket.recv_fds']).status === 0 &&
  spawnSync('systemd-notify', ['--version']).status === 0;

async function receiver(name: string): Promise<AsyncIterator<string>> {
  const child = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill();
    await once(child, 'exit');
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('bound');
  return lines;
}

function warnings(): { logger: Logger; messages: string[] } {
  const messages: string[] = [];
  return { messages, logger: { ...silentLogger, warn: (_, text) => void messages.push(text) } };
}

describe('notifySystemd', () => {
  test.skipIf(!canReceive).each(['path', 'abstract'])(
    'sends the states to a socket with a name of kind %s',
    async (kind) => {
      const name =
        kind === 'path' ? join(temporaryFolder(), 'notify') : `@cmcd-test-${process.pid}`;
      const lines = await receiver(name);
      const { logger, messages } = warnings();
      const environment = { ...process.env, NOTIFY_SOCKET: name };
      for (const state of ['READY=1', 'STOPPING=1'] as const) {
        await notifySystemd(state, { logger, environment });
        expect((await lines.next()).value).toBe(state);
      }
      expect(messages).toStrictEqual([]);
    },
  );

  test('does nothing without NOTIFY_SOCKET', async () => {
    const folder = temporaryFolder();
    const marker = join(folder, 'ran');
    const program = join(folder, 'bin', 'systemd-notify');
    mkdirSync(join(folder, 'bin'));
    writeFileSync(program, `#!/bin/sh\necho "$1" >> ${marker}\n`);
    chmodSync(program, 0o755);
    const { logger, messages } = warnings();
    const environment = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
    await notifySystemd('READY=1', { logger, environment });
    expect(spawnSync('cat', [marker]).status).not.toBe(0);
    await notifySystemd('READY=1', {
      logger,
      environment: { ...environment, NOTIFY_SOCKET: '/x' },
    });
    expect(spawnSync('cat', [marker], { encoding: 'utf8' }).stdout).toBe('READY=1\n');
    expect(messages).toStrictEqual([]);
  });

  test('says so when systemd-notify is not there, and goes on', async () => {
    const { logger, messages } = warnings();
    const environment = { PATH: '/nonexistent', NOTIFY_SOCKET: '/nonexistent/socket' };
    await notifySystemd('READY=1', { logger, environment });
    expect(messages).toHaveLength(1);
  });
});
