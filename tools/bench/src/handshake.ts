import { once } from 'node:events';
import * as tls from 'node:tls';
import { connect, createServer } from '@cmc/attested-tls';
import { atLeast, atMost, type Figure, median, shown, throughput, timeEach } from './benchmark.ts';
import { listen, tlsOptionsOf } from './mutual-tls.ts';
import { createWorld } from './world.ts';

/** A server that has run for a while: the compiler of V8 takes so long to settle. */
const WARM_UP = 1500;
const ROUNDS = 10;
const HANDSHAKES = 40;
const CONCURRENCY = 8;
const MANY = 400;

/** Full mutual handshakes on loopback, both ends in this process: plain TLS and attested TLS. */
export async function handshake(folder: string): Promise<readonly Figure[]> {
  const world = await createWorld(folder);
  const { serverOptions, where } = tlsOptionsOf(world);

  const plain = tls.createServer(serverOptions, (socket) => socket.on('error', () => {}));
  const attested = createServer(
    { ...serverOptions, cmc: await world.createCmc(), attest: 'mutual' },
    (socket) => socket.on('error', () => {}),
  );
  const plainPort = await listen(plain);
  const attestedPort = await listen(attested);
  const cmc = await world.createCmc();
  const runPlain = (): Promise<void> => opened(tls.connect({ ...where, port: plainPort }));
  const runAttested = (): Promise<void> =>
    opened(connect({ ...where, port: attestedPort, cmc, attest: 'mutual' }));

  const framed = tls.createServer(serverOptions, (socket) => {
    socket.on('error', () => {});
    exchangeFrames(socket).catch(() => {});
  });
  const framedPort = await listen(framed);
  const runFramed = async (): Promise<void> => {
    const socket = tls.connect({ ...where, port: framedPort });
    await once(socket, 'secureConnect');
    await exchangeFrames(socket);
    socket.destroy();
  };

  await timeEach(WARM_UP, runPlain);
  await timeEach(WARM_UP, runFramed);
  await timeEach(WARM_UP, runAttested);
  const times = { plain: [] as number[], attested: [] as number[] };
  // Alternating, so that whatever else the machine does hits both alike.
  for (let round = 0; round < ROUNDS; round++) {
    times.plain.push(...(await timeEach(HANDSHAKES, runPlain)));
    times.attested.push(...(await timeEach(HANDSHAKES, runAttested)));
  }
  const plainRate = await throughput(MANY, CONCURRENCY, runPlain);
  const framedRate = await throughput(MANY, CONCURRENCY, runFramed);
  const attestedRate = await throughput(MANY, CONCURRENCY, runAttested);
  plain.close();
  framed.close();
  attested.close();
  const p50 = { plain: median(times.plain), attested: median(times.attested) };
  return [
    shown('mutual TLS handshake, p50', p50.plain, 'ms'),
    shown('mutual attested handshake, p50', p50.attested, 'ms'),
    atMost('attested above plain, p50', p50.attested - p50.plain, 'ms', 3),
    shown('mutual TLS handshakes', plainRate, '/s'),
    shown('the same with three messages each way', framedRate, '/s'),
    shown('mutual attested handshakes', attestedRate, '/s'),
    atLeast('attested to plain handshakes per second', attestedRate / plainRate, 'x', 0.5),
  ];
}

/** Sizes of Request, Response with a report, and Complete. */
const MESSAGE_BYTES = [120, 2000, 20];

/** What any protocol with the messages of attestation costs, whatever they say. */
async function exchangeFrames(socket: tls.TLSSocket): Promise<void> {
  let received = 0;
  let wanted = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
    socket.emit('received');
  });
  for (const size of MESSAGE_BYTES) {
    wanted += size;
    socket.write(Buffer.alloc(size));
    while (received < wanted) await once(socket, 'received');
  }
}

async function opened(socket: NodeJS.EventEmitter & { destroy(): unknown }): Promise<void> {
  await once(socket, 'secureConnect');
  socket.destroy();
}
