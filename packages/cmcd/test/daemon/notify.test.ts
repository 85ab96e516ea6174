import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@cmc/bytes';
import { silentLogger } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { notifySystemd } from '../../src/daemon/notify.ts';
import { canNotify, startReceiver } from '../support/notify-receiver.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function warnings(): { logger: Logger; messages: string[] } {
  const messages: string[] = [];
  return { messages, logger: { ...silentLogger, warn: (_, text) => void messages.push(text) } };
}

describe('notifySystemd', () => {
  test.skipIf(!canNotify).each(['path', 'abstract'])(
    'sends the states to a socket with a name of kind %s',
    async (kind) => {
      const name =
        kind === 'path' ? join(temporaryFolder(), 'notify') : `@cmcd-test-${process.pid}`;
      const lines = await startReceiver(name);
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
