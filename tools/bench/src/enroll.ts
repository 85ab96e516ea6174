import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import type { LocalCmc } from '@cmc/cmcd';
import { createSoftwareKey, softwareSigner } from '@cmc/driver-sw';
import { createCsr, createEstClient, type EstClient, enrollmentNonce } from '@cmc/est';
import { atLeast, atMost, type Figure, median, shown, throughput, timeEach } from './benchmark.ts';
import { createWorld } from './world.ts';

const MAIN = fileURLToPath(new URL('../../../packages/provserver/dist/main.js', import.meta.url));
const WARM_UP = 300;
const SINGLE_RUNS = 300;
const CONCURRENT_RUNS = 1500;
const CLIENTS = 50;
const CRYPTO_RUNS = 3000;
/** Clock ticks of /proc/PID/stat per second. */
const TICKS = 100;

/** What a server signs and verifies for one enrolment over two connections. */
const SIGNATURES = { tls: 2, certificate: 1 };
const VERIFICATIONS = { request: 1, evidence: 1 };

/** Attested enrolments at a provisioning server with SQLite on one core, clients on the other. */
export async function enroll(folder: string): Promise<readonly Figure[]> {
  execFileSync('taskset', ['-a', '-p', '-c', '1', String(process.pid)], { stdio: 'ignore' });
  const world = await createWorld(folder);
  const state = join(folder, 'prov');
  execFileSync(process.execPath, [MAIN, 'init', '--dir', state, '--name', 'localhost']);
  const path = join(state, 'provserver.json');
  const caPath = join(folder, 'ca.pem');
  writeFileSync(caPath, world.caPem);
  const config = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(
    path,
    JSON.stringify({
      ...config,
      estAddr: '127.0.0.1:0',
      rootCas: [caPath],
      allowedNames: ['*'],
    }),
  );
  const server = spawn('taskset', ['-c', '0', process.execPath, MAIN, 'serve', '--config', path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const port = await listeningPort(server.stderr);
    const roots = parsePemCertificates(readFileSync(join(state, 'root.pem'), 'utf8'));
    const client = createEstClient({ url: `https://localhost:${port}`, roots });
    const cmc = await world.createCmc();
    const run = (): Promise<void> => enrollOnce(client, cmc);
    await throughput(WARM_UP, CLIENTS, run);

    const single = await timeEach(SINGLE_RUNS, run);
    const cpuBefore = cpuSeconds(server.pid ?? 0);
    const times: number[] = [];
    const rate = await throughput(CONCURRENT_RUNS, CLIENTS, async () => {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    });
    const cpu = ((cpuSeconds(server.pid ?? 0) - cpuBefore) * 1000) / CONCURRENT_RUNS;
    const p50 = median(single);
    const p99 = percentile(times, 0.99);
    return [
      atLeast('attested enrolments, 50 clients', rate, 'per s', 150),
      shown('one client, p50', p50, 'ms'),
      shown('50 clients, p99', p99, 'ms'),
      atMost('p99 of 50 clients to p50 of one', p99 / p50, 'x', 20),
      shown('processor time of the server per enrolment', cpu, 'ms'),
      shown('of it signatures', (signatureMs() / cpu) * 100, '%'),
    ];
  } finally {
    server.kill();
    await once(server, 'exit');
  }
}

/** A new key, a nonce of the server, a report over both, a certificate. */
async function enrollOnce(client: EstClient, cmc: LocalCmc): Promise<void> {
  const signer = softwareSigner({ privateKey: await createSoftwareKey({ algorithm: 'EC256' }) });
  const csr = await createCsr({ signer, subject: { commonName: 'bench' } });
  const serverNonce = (await client.nonce())?.nonce;
  if (serverNonce === undefined) throw new Error('the server has no nonces');
  const { report } = await cmc.attest({ nonce: enrollmentNonce(signer.publicKey, serverNonce) });
  await client.attestEnroll({ csr, report }, { serverNonce });
}

/** Milliseconds that the signatures of one enrolment take in this process. */
function signatureMs(): number {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const message = new Uint8Array(300);
  const signature = sign('sha256', message, privateKey);
  const each = (run: () => unknown): number => {
    for (let i = 0; i < CRYPTO_RUNS; i++) run();
    const start = performance.now();
    for (let i = 0; i < CRYPTO_RUNS; i++) run();
    return (performance.now() - start) / CRYPTO_RUNS;
  };
  const signMs = each(() => sign('sha256', message, privateKey));
  const verifyMs = each(() => verify('sha256', message, publicKey, signature));
  const total = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((sum, count) => sum + count, 0);
  return total(SIGNATURES) * signMs + total(VERIFICATIONS) * verifyMs;
}

function listeningPort(log: NodeJS.ReadableStream): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    // Read on: a log that nobody reads would stop the server.
    log.on('data', (chunk) => {
      text += String(chunk);
      const [, port] = /"message":"listening".*?"address":"[^"]*:(\d+)"/.exec(text) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
    log.on('end', () => reject(new Error(`the server did not start:\n${text}`)));
  });
}

function cpuSeconds(pid: number): number {
  const [, rest = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
