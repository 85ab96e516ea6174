import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { parseAddress } from '../src/addresses.ts';

/** A stream server that accepts, reads and never answers. */
export async function serveSilence(
  text: string,
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).resume();
  });
  const address = parseAddress(text);
  server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: 0 });
  await once(server, 'listening');
  return {
    address: address.kind === 'unix' ? text : `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
