import { spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import * as tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type DaemonKey, openDaemonKey } from '@cmc/attested-tls';
import { softwareSigner } from '@cmc/driver-sw';
import { createFakeCa, type IssuedCertificate } from '@cmc/testkit';
import { atMost, type Figure, median, shown, timeEach } from './benchmark.ts';
import { listen } from './mutual-tls.ts';

const WARM_UP = 1500;
const ROUNDS = 10;
const HANDSHAKES = 40;
const SLOW_MS = 50;
const SLOW_HANDSHAKES = 40;

/** What a daemon is started with. */
export interface KeyDaemonConfig {
  readonly address: string;
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** How long the key takes before it signs. */
  readonly delayMs: number;
}

interface KeyDaemon extends AsyncDisposable {
  readonly address: string;
}

/** Handshakes of stock TLS with a key in this process and with one in a daemon. */
export async function remoteKey(folder: string): Promise<readonly Figure[]> {
  const ca = createFakeCa({ commonName: 'Benchmark CA' });
  const issue = (): Promise<IssuedCertificate> =>
    ca.issue({ commonName: 'server', dnsNames: ['localhost'], extendedKeyUsage: ['serverAuth'] });
  const secureContext = tls.createSecureContext({ ca: ca.pem, minVersion: 'TLSv1.3' });
  const client: Client = async (port) => {
    const where = { host: '127.0.0.1', servername: 'localhost', secureContext };
    const socket = tls.connect({ ...where, port });
    await once(socket, 'secureConnect');
    socket.destroy();
  };
  const issued = await issue();
  await using fast = await startDaemon(join(folder, 'fast'), issued, 0);
  await using slow = await startDaemon(join(folder, 'slow'), await issue(), SLOW_MS);
  return [...(await addedTime(issued, fast, client)), ...(await blocking(slow, client))];
}

type Client = (port: number) => Promise<void>;

async function addedTime(
  issued: IssuedCertificate,
  daemon: KeyDaemon,
  client: Client,
): Promise<readonly Figure[]> {
  await using remoteKey = await openKey(daemon.address);
  const local = await serve({ cert: issued.chainPem, key: issued.privateKeyPem });
  const remote = await serve(remoteKey.tls);
  const signer = softwareSigner({ privateKey: createPrivateKey(issued.privateKeyPem) });
  // As long as what TLS 1.3 has signed with SHA-256.
  const message = new Uint8Array(130);
  const runs = {
    local: () => client(local.port),
    remote: () => client(remote.port),
    signature: async () => {
      await signer.signMessage?.(message, 'ES256');
    },
  };
  const times = { local: [] as number[], remote: [] as number[], signature: [] as number[] };
  for (const run of Object.values(runs)) await timeEach(WARM_UP, run);
  // Alternating, so that whatever else the machine does hits all alike.
  for (let round = 0; round < ROUNDS; round++) {
    times.local.push(...(await timeEach(HANDSHAKES, runs.local)));
    times.remote.push(...(await timeEach(HANDSHAKES, runs.remote)));
    times.signature.push(...(await timeEach(HANDSHAKES, runs.signature)));
  }
  local.close();
  remote.close();
  const [p50, p50Remote] = [median(times.local), median(times.remote)];
  const signatureMs = median(times.signature);
  return [
    shown('TLS handshake, PEM key, p50', p50, 'ms'),
    shown('TLS handshake, key of a daemon, p50', p50Remote, 'ms'),
    atMost('key of a daemon above PEM key, p50', p50Remote - p50, 'ms', 1),
    shown('a signature, by either', signatureMs, 'ms'),
  ];
}

/** How long the loop of this thread stands still while a slow key signs for handshakes. */
async function blocking(daemon: KeyDaemon, client: Client): Promise<readonly Figure[]> {
  const worker = new Worker(new URL('./remote-key-server.js', import.meta.url), {
    workerData: daemon.address,
  });
  const [port] = await once(worker, 'message');
  const there = await longestDelays(() => client(port));
  await worker.terminate();
  await using key = await openKey(daemon.address);
  const server = await serve(key.tls);
  const here = await longestDelays(() => client(server.port));
  server.close();
  const idle = await longestDelays(() => setTimeout(SLOW_MS));
  return [
    shown(`loop blocked, ${SLOW_MS} ms key, TLS on it, p50`, median(here), 'ms'),
    shown(`loop blocked, TLS in a worker, longest of ${SLOW_HANDSHAKES}`, Math.max(...there), 'ms'),
    shown(`loop late with nothing to do, longest of ${SLOW_HANDSHAKES}`, Math.max(...idle), 'ms'),
    atMost('loop blocked, TLS in a worker, p50', median(there), 'ms', 10),
  ];
}

/** Milliseconds that the loop was late at most, for each of some handshakes. */
async function longestDelays(handshake: () => Promise<void>): Promise<readonly number[]> {
  await handshake();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const longest: number[] = [];
  for (let i = 0; i < SLOW_HANDSHAKES; i++) {
    delay.reset();
    await handshake();
    longest.push(delay.max / 1e6);
  }
  delay.disable();
  return longest;
}

/** The one key of a daemon. */
export function openKey(address: string): Promise<DaemonKey> {
  const keyId = '3d0a5b6e-9a4c-4f0e-8b57-6c1f2e7d9a10';
  return openDaemonKey({ cmc: { api: 'socket', address }, keyId });
}

async function serve(key: {
  readonly cert: string;
  readonly key: string;
}): Promise<{ readonly port: number; close(): void }> {
  const server = tls.createServer(key, (socket) => socket.on('error', () => {}));
  return { port: await listen(server), close: () => void server.close() };
}

async function startDaemon(
  path: string,
  issued: IssuedCertificate,
  delayMs: number,
): Promise<KeyDaemon> {
  const address = `unix://${path}`;
  const { certificatePem: certificate, privateKeyPem: privateKey } = issued;
  const config: KeyDaemonConfig = { address, certificate, privateKey, delayMs };
  const program = fileURLToPath(new URL('./remote-key-daemon.js', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}
