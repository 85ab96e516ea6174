import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Connects to `127.0.0.1:port`, `[::1]:port` or `unix://path`, for tests that speak bytes. */
export async function rawConnect(address: string): Promise<Socket> {
  const socket = address.startsWith('unix://')
    ? connect(address.slice('unix://'.length))
    : connect(Number(address.slice(address.lastIndexOf(':') + 1)), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Everything that `socket` gets until it is closed. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  // Writing to a server that has just closed is an error, and no news.
  socket.on('error', () => {});
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}
