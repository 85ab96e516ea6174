import { once } from 'node:events';
import type { Server } from 'node:net';
import * as tls from 'node:tls';
import { connect, createServer } from '@cmc/attested-tls';
import { atMost, type Figure, shown } from './benchmark.ts';
import { listen, tlsOptionsOf } from './mutual-tls.ts';
import { createWorld } from './world.ts';

const CONNECTIONS = 400;
const SETTLE_MS = 1500;

/**
 * Memory of this process for each open and idle connection, both ends in it: plain mutual TLS and
 * attested TLS. Needs `--expose-gc`.
 */
export async function idleConnection(folder: string): Promise<readonly Figure[]> {
  const world = await createWorld(folder);
  const { serverOptions, where } = tlsOptionsOf(world);
  const serverCmc = await world.createCmc();
  const cmc = await world.createCmc();

  const attestedServer = createServer({ ...serverOptions, cmc: serverCmc, attest: 'mutual' });
  const attestedPort = await listen(attestedServer);
  const plainServer = tls.createServer(serverOptions);
  const plainPort = await listen(plainServer);
  const openPlain = (): Client => tls.connect({ ...where, port: plainPort });
  const openAttested = (): Client =>
    connect({ ...where, port: attestedPort, cmc, attest: 'mutual' });

  // Both once without counting: code, caches and pools of the first connections stay.
  await cost(attestedServer, openAttested);
  await cost(plainServer, openPlain);
  const attested = await cost(attestedServer, openAttested);
  const plain = await cost(plainServer, openPlain);
  attestedServer.close();
  plainServer.close();
  return [
    shown('idle plain TLS connection, both ends', plain, 'KB'),
    shown('idle attested connection, both ends', attested, 'KB'),
    atMost('attested above plain, each end', (attested - plain) / 2, 'KB', 20),
  ];
}

interface Client extends NodeJS.EventEmitter {
  destroy(): unknown;
}

/** Kilobytes that one connection takes while it is open. */
async function cost(server: Server, open: () => Client): Promise<number> {
  const peers: Client[] = [];
  const keep = (socket: Client): number => peers.push(socket);
  server.on('secureConnection', keep);
  const before = await usedMemory();
  const clients: Client[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const client = open();
    await once(client, 'secureConnect');
    clients.push(client);
  }
  const used = (await usedMemory()) - before;
  for (const socket of [...clients, ...peers]) socket.destroy();
  server.off('secureConnection', keep);
  return used / CONNECTIONS / 1000;
}

/** Bytes of the heap, of buffers and of what OpenSSL allocated. */
async function usedMemory(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  for (let i = 0; i < 3; i++) globalThis.gc();
  return process.memoryUsage.rss();
}
