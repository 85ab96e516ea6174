import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createCmcClient, type SuccessResponse } from '@cmc/api';
import { decodeReport } from '@cmc/attestationreport/codec';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { BUILD_TIMEOUT_MS, buildMain, MAIN } from '../support/build.ts';
import { type DaemonProcess, startProcess, writeConfig } from '../support/daemon-process.ts';
import { type MetadataServer, startMetadataServer } from '../support/metadata-server.ts';
import { canNotify, startReceiver } from '../support/notify-receiver.ts';
import { createWorld, inDays, type World } from '../support/world.ts';

beforeAll(buildMain, BUILD_TIMEOUT_MS);

const NONCE = new Uint8Array(32);

/** A daemon with a call that runs until `server` answers. */
async function withRunningCall(world: World): Promise<{
  readonly daemon: DaemonProcess;
  readonly server: MetadataServer;
  readonly call: Promise<SuccessResponse>;
}> {
  const server = await startMetadataServer({ a: await world.manifest() });
  const daemon = await startProcess(world, { metadata: [server.url] });
  server.hold();
  const client = await daemon.client('socket');
  const call = client.updateMetadata();
  call.catch(() => {});
  await server.held();
  return { daemon, server, call };
}

describe('stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s the running call finishes, a new one is refused, and the socket goes away',
    async (signal) => {
      const world = await createWorld();
      const { daemon, server, call } = await withRunningCall(world);
      const ended = daemon.stop(signal);
      await daemon.logged('stopping');
      const address = join(world.folder, 'cmcd.sock');
      const late = await createCmcClient({ api: 'socket', address });
      onTestFinished(async () => await late.close());
      await expect(late.peerCache({ peer: '' })).rejects.toMatchObject({
        code: 'ERR_API_UNAVAILABLE',
      });
      server.release();
      expect(await call).toStrictEqual({ success: true });
      expect(await ended).toBe(0);
      expect(existsSync(address)).toBe(false);
    },
  );

  test('a call that does not finish is aborted after a while', async () => {
    const { daemon, call } = await withRunningCall(await createWorld());
    const start = performance.now();
    expect(await daemon.stop()).toBe(0);
    expect(performance.now() - start).toBeLessThan(8_000);
    await expect(call).rejects.toThrow();
  });

  test('the second signal ends the daemon at once', async () => {
    const { daemon } = await withRunningCall(await createWorld());
    daemon.child.kill('SIGTERM');
    await daemon.logged('stopping');
    const start = performance.now();
    expect(await daemon.stop('SIGTERM')).toBe('SIGTERM');
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('start', () => {
  test('takes over the socket that a killed daemon left', async () => {
    const world = await createWorld();
    const killed = await startProcess(world);
    expect(await killed.stop('SIGKILL')).toBe('SIGKILL');
    expect(existsSync(join(world.folder, 'cmcd.sock'))).toBe(true);
    const next = await startProcess(world);
    const client = await next.client('socket');
    expect((await client.attest({ nonce: NONCE })).report.length).toBeGreaterThan(0);
  });

  test('appends to a log file instead of standard error', async () => {
    const world = await createWorld();
    const logFile = join(world.folder, 'cmcd.log');
    writeFileSync(logFile, 'kept\n');
    const args = [MAIN, '--config', writeConfig(world, world.config({ logFile }))];
    const daemon = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => void daemon.kill('SIGKILL'));
    const stderr = text(daemon.stderr);
    const exited = once(daemon, 'exit');
    await vi.waitFor(() => expect(readFileSync(logFile, 'utf8')).toContain('"ready"'), 20_000);
    daemon.kill('SIGTERM');
    expect([await exited, await stderr]).toStrictEqual([[0, null], '']);
    const [kept, ...lines] = readFileSync(logFile, 'utf8').trim().split('\n');
    expect(kept).toBe('kept');
    const messages = lines.map((line) => JSON.parse(line).message);
    expect(messages).toStrictEqual([
      'metadata loaded',
      'listening',
      'ready',
      'stopping',
      'stopped',
    ]);
  });
});

describe('reload', () => {
  async function digests(daemon: DaemonProcess): Promise<readonly string[] | null> {
    const client = await daemon.client('socket');
    const { report } = await client.attest({ nonce: NONCE });
    return decodeReport(report).report.context.digests;
  }

  test('SIGHUP loads the metadata anew', async () => {
    const world = await createWorld();
    const daemon = await startProcess(world);
    const before = await digests(daemon);
    const newer = await world.manifest({ version: inDays(1) });
    writeFileSync(join(world.metadataFolder, 'manifest'), newer);
    daemon.child.kill('SIGHUP');
    await expect.poll(async () => await digests(daemon)).not.toStrictEqual(before);
  });

  test('the old metadata stays when that fails', async () => {
    const world = await createWorld();
    const daemon = await startProcess(world);
    const before = await digests(daemon);
    rmSync(world.metadataFolder, { recursive: true });
    daemon.child.kill('SIGHUP');
    await daemon.logged('cannot load everything anew: the old stays');
    expect(await digests(daemon)).toStrictEqual(before);
  });
});

describe('systemd', () => {
  test.skipIf(!canNotify)('is told READY when the endpoint answers, and STOPPING', async () => {
    const world = await createWorld();
    const socket = join(world.folder, 'notify');
    const messages = await startReceiver(socket);
    const starting = startProcess(
      world,
      {},
      { environment: { ...process.env, NOTIFY_SOCKET: socket } },
    );
    expect((await messages.next()).value).toBe('READY=1');
    const address = join(world.folder, 'cmcd.sock');
    const client = await createCmcClient({ api: 'socket', address });
    onTestFinished(async () => await client.close());
    expect((await client.peerCache({ peer: '' })).cache).toStrictEqual([]);
    const daemon = await starting;
    const ended = daemon.stop();
    expect((await messages.next()).value).toBe('STOPPING=1');
    expect(await ended).toBe(0);
  });
});
