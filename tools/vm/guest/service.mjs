// What a test of cmcd does inside the guest: the daemon, keys of it, and a service with one of them.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createCmcClient } from '@cmc/api';
import { createServer, openDaemonKey } from '@cmc/attested-tls';

const CMCD = '/app/node_modules/@cmc/cmcd/dist/main.js';
const SOCKET = '/tmp/cmcd.sock';
const START_MS = 30_000;
const POLL_MS = 50;
/** The processor of the guest is slow. */
const CALL_MS = 30_000;
const cmc = { api: 'socket', address: `unix://${SOCKET}` };

/** Starts cmcd; its log goes to the console. Milliseconds until it listens. */
export async function startDaemon({ config }) {
  const started = performance.now();
  const daemon = spawn('node', [CMCD, '--config', config], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  while (!existsSync(SOCKET)) {
    if (daemon.exitCode !== null) throw new Error(`cmcd ended with ${daemon.exitCode}`);
    if (performance.now() - started > START_MS) throw new Error('cmcd does not start');
    await setTimeout(POLL_MS);
  }
  return performance.now() - started;
}

/** Has the daemon read its metadata anew. */
export async function updateMetadata() {
  await withDaemon((daemon) => daemon.updateMetadata());
}

/** Has the daemon make a TLS key; its id, or the code of the refusal. */
export async function createKey({ keyConfig }) {
  try {
    return await withDaemon((daemon) => daemon.tlsCreate({ keyConfig }));
  } catch (error) {
    return { code: error.remoteCode ?? error.code, message: error.message };
  }
}

/** Serves attested TLS with a key of the daemon; tells each peer what it thinks of it. */
export async function serve({ port, keyId, ca }) {
  const key = await openDaemonKey({ cmc, keyId });
  const options = { ...key.tls, ca, mtls: true, attest: 'mutual', requireKeyProtection: 'remote' };
  const server = createServer({ ...options, cmc }, (socket) => {
    const { keyProtection, keyBinding, result } = socket.attestation;
    socket.end(JSON.stringify({ keyProtection, keyBinding, peer: result?.summary.status }));
  });
  server.on('attestationError', (error) => console.error(`guest: ${error.code} ${error.message}`));
  await new Promise((resolve) => server.listen(port, resolve));
}

async function withDaemon(work) {
  const client = await createCmcClient({ ...cmc, timeoutMs: CALL_MS });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
