import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BUILD_TIMEOUT_MS, buildMain } from '../support/build.ts';
import { runProgram, startProcess, writeConfig } from '../support/daemon-process.ts';
import { createWorld } from '../support/world.ts';

beforeAll(buildMain, BUILD_TIMEOUT_MS);

const SILENT_PEERS = 200;

async function openSilently(options: NetConnectOpts, firstBytes: Uint8Array): Promise<void> {
  const socket = connect(options);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(firstBytes);
}

/** Rows of the kernel's tables of TCP and UDP sockets that belong to a process. */
function networkSockets(pid: number | undefined): readonly string[] {
  const descriptors = execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' });
  const inodes = new Set([...descriptors.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode));
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => `/proc/${pid}/net/${name}`);
  const rows = execFileSync('cat', tables, { encoding: 'utf8' }).split('\n');
  return rows.filter((row) => inodes.has(row.trim().split(/\s+/)[9] ?? ''));
}

describe('who can reach a daemon', () => {
  test('R44 its socket is for owner and group only', async () => {
    const world = await createWorld();
    await startProcess(world);
    expect(statSync(join(world.folder, 'cmcd.sock')).mode & 0o777).toBe(0o660);
  });

  test.each([
    ['socket', '0.0.0.0:0'],
    ['socket', '[::]:0'],
    ['grpc', '0.0.0.0:0'],
    ['coap', '0.0.0.0:0'],
  ] as const)('R44 %s does not listen on %s', async (api, cmcAddr) => {
    const world = await createWorld();
    const { status, stderr } = runProgram(
      '--config',
      writeConfig(world, world.config({ api, cmcAddr })),
    );
    expect(stderr).toContain('ERR_API_ADDRESS');
    expect(status).toBe(2);
  });

  test('R44 nothing but what was configured listens on the network', async () => {
    const quiet = await startProcess(await createWorld());
    expect(networkSockets(quiet.child.pid)).toStrictEqual([]);
    const measured = await startProcess(await createWorld(), { metricsAddr: '127.0.0.1:0' });
    expect(networkSockets(measured.child.pid)).toHaveLength(1);
  });
});

describe('peers that stay silent', () => {
  test.each([
    ['socket', 'nothing', new Uint8Array(0)],
    ['socket', 'half a header', new Uint8Array(4)],
    // Length 0xffffffff, type Verify.
    ['socket', 'a length of 4 GiB', Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 2)],
    ['grpc', 'nothing', new Uint8Array(0)],
  ] as const)('R46 %s: many that sent %s keep nobody from being served', async (api, _, first) => {
    const world = await createWorld();
    const daemon = await startProcess(world, { api });
    const client = await daemon.client(api);
    const path = join(world.folder, 'cmcd.sock');
    await Promise.all(
      Array.from({ length: SILENT_PEERS }, async () => await openSilently({ path }, first)),
    );
    const { report } = await client.attest({ nonce: new Uint8Array(32) });
    expect(report.length).toBeGreaterThan(0);
    const status = execFileSync('cat', [`/proc/${daemon.child.pid}/status`], { encoding: 'utf8' });
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(status) ?? [];
    expect(Number(kilobytes)).toBeLessThan(200_000);
  });
});
