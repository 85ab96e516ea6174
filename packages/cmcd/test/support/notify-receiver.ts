import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';

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

/** Whether this computer has what {@link startReceiver} and the daemon need: python3, systemd-notify. */
export const canNotify: boolean =
  spawnSync('python3', ['-c', 'import socket; socket.recv_fds']).status === 0 &&
  spawnSync('systemd-notify', ['--version']).status === 0;

/** Listens at NOTIFY_SOCKET=`name`; yields the messages. */
export async function startReceiver(name: string): Promise<AsyncIterator<string>> {
  const child = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill();
    await once(child, 'exit');
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('bound');
  return lines;
}
