import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Listener, listen } from '../src/listen.ts';

let directory: string;
let path: string;
const listeners: Listener[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cmc-listen-'));
  path = join(directory, 'cmcd.sock');
});
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.destroy();
  rmSync(directory, { recursive: true });
});

const start = async (address: string, maxConnections = 10): Promise<Listener> => {
  const listener = await listen({
    address,
    maxConnections,
    logger: silentLogger,
    allowHalfOpen: false,
    onConnection: (socket) => void socket.resume(),
  });
  listeners.push(listener);
  return listener;
};
const mode = (file: string): number => statSync(file).mode & 0o777;
const refused = expect.objectContaining({ code: 'ERR_API_ADDRESS' });

describe('Unix sockets', () => {
  test.each([0o000, 0o022, 0o077])(
    'R44 have mode 0660 with umask %o, which stays',
    async (mask) => {
      const before = process.umask(mask);
      try {
        await start(path);
        expect(mode(path)).toBe(0o660);
        expect(process.umask()).toBe(mask);
      } finally {
        process.umask(before);
      }
    },
  );

  test('R44 are closed to others from the moment the kernel makes them', async () => {
    const original = Server.prototype.listen;
    const modes: number[] = [];
    const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
      this: Server,
      ...args
    ) {
      const result = original.apply(this, args as never);
      modes.push(mode(path));
      return result;
    });
    const before = process.umask(0);
    try {
      await start(path);
    } finally {
      process.umask(before);
      spy.mockRestore();
    }
    expect(modes.map((seen) => seen & 0o077)).toEqual([0]);
  });

  test('are removed when the listener stops', async () => {
    const listener = await start(path);
    expect(existsSync(path)).toBe(true);
    listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test('take the place of one that a killed process left behind', async () => {
    const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }), 'exit');
    expect(statSync(path).isSocket()).toBe(true);
    const listener = await start(path);
    expect(listener.address).toBe(`unix://${path}`);
    expect(mode(path)).toBe(0o660);
  });

  test('leave one alone on which a process listens', async () => {
    await start(path);
    const before = statSync(path);
    chmodSync(path, 0o600);
    await expect(start(path)).rejects.toEqual(refused);
    expect(statSync(path).ino).toBe(before.ino);
    expect(mode(path)).toBe(0o600);
    const socket = connect(path);
    await once(socket, 'connect');
    socket.destroy();
  });

  test('leave files, links and folders alone', async () => {
    writeFileSync(path, 'precious');
    await expect(start(path)).rejects.toEqual(refused);
    expect(statSync(path).size).toBe(8);
    const link = join(directory, 'link');
    symlinkSync(path, link);
    await expect(start(link)).rejects.toEqual(refused);
    await expect(start(directory)).rejects.toEqual(refused);
    await expect(start(join(directory, 'none', 'cmcd.sock'))).rejects.toEqual(refused);
  });
});

describe('TCP', () => {
  test('listens on the real port', async () => {
    const { address } = await start('localhost:0');
    expect(address).toMatch(/^(127\.0\.0\.1|\[::1\]):[1-9]\d*$/);
  });

  test('refuses a port in use', async () => {
    const { address } = await start('127.0.0.1:0');
    await expect(start(address)).rejects.toEqual(refused);
  });

  test.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:0', 'name.invalid:0'])(
    'R44 refuses %s',
    async (address) => {
      await expect(start(address)).rejects.toEqual(refused);
    },
  );

  test('R46 closes connections beyond the limit, and keeps the others', async () => {
    const { address } = await start('127.0.0.1:0', 2);
    const port = Number(address.split(':')[1]);
    const sockets = [connect(port), connect(port), connect(port)];
    for (const socket of sockets) socket.on('error', () => {}).resume();
    await Promise.race(sockets.map((socket) => once(socket, 'close')));
    expect(sockets.filter((socket) => socket.destroyed)).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
  });
});

test('a connection that the kernel cannot give out ends nothing', async () => {
  const listening = vi.spyOn(Server.prototype, 'listen');
  const listener = await start('127.0.0.1:0');
  const server = listening.mock.contexts.at(-1) as Server;
  listening.mockRestore();
  // What Node makes of a failed accept; without file descriptors nothing else of this test works.
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  const [, port] = listener.address.split(':');
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
});
