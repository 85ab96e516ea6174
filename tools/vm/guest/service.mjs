// What a test of cmcd does inside the guest: the daemon, keys of it, and a service with one of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createCmcClient } from '@cmc/api';
import { connect, createServer, openDaemonKey } from '@cmc/attested-tls';

const CMCD = '/app/node_modules/@cmc/cmcd/dist/main.js';
const SOCKET = '/tmp/cmcd.sock';
const START_MS = 90_000;
const POLL_MS = 50;
/** The processor of the guest is slow. */
const CALL_MS = 60_000;
const cmc = { api: 'socket', address: `unix://${SOCKET}` };
let daemon;
let key;

/** Starts cmcd; its log goes to the console. Milliseconds until it listens. */
export async function startDaemon({ config }) {
  const started = performance.now();
  daemon = spawn('node', [CMCD, '--config', config], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  while (!existsSync(SOCKET)) {
    if (daemon.exitCode !== null) throw new Error(`cmcd ended with ${daemon.exitCode}`);
    if (performance.now() - started > START_MS) throw new Error('cmcd does not start');
    await setTimeout(POLL_MS);
  }
  return performance.now() - started;
}

/** Ends the daemon. */
export async function stopDaemon() {
  daemon.kill();
  await once(daemon, 'exit');
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
    return codeOf(error);
  }
}

/** Serves attested TLS with a key of the daemon; tells each peer what it thinks of it. */
export async function serve({ port, keyId, ca }) {
  const server = createServer({ ...(await ownSide(keyId)), ca, mtls: true }, (socket) => {
    socket.end(JSON.stringify(seenBy(socket)));
  });
  server.on('attestationError', (error) => console.error(`guest: ${error.code} ${error.message}`));
  await new Promise((resolve) => server.listen(port, resolve));
}

/** Connects with a key of the daemon; what it thinks of the peer, and what the peer says. */
export async function dial({ host, port, servername, keyId, ca }) {
  return await new Promise((resolve) => {
    let text = '';
    const fail = ({ code, message }) => resolve({ code, message });
    ownSide(keyId).then((own) => {
      const socket = connect({ ...own, host, port, servername, ca, requireBinding: true });
      socket.setEncoding('utf8');
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('end', () => resolve({ ...seenBy(socket), answer: JSON.parse(text) }));
      socket.on('error', fail);
    }, fail);
  });
}

/** A report of the daemon; hex, or why there is none. */
export async function report({ nonce }) {
  try {
    const request = { nonce: new Uint8Array(Buffer.from(nonce, 'hex')) };
    const { report: made } = await withDaemon((daemon) => daemon.attest(request));
    return { report: Buffer.from(made).toString('hex') };
  } catch (error) {
    return codeOf(error);
  }
}

/** Whether the daemon signs with a key; the code of the refusal. */
export async function sign({ keyId }) {
  try {
    const request = { keyId, content: new Uint8Array(32), hashAlg: 'SHA-256' };
    await withDaemon((daemon) => daemon.tlsSign(request));
    return {};
  } catch (error) {
    return codeOf(error);
  }
}

async function ownSide(keyId) {
  // One thread signs for all connections.
  key ??= await openDaemonKey({ cmc, keyId, timeoutMs: CALL_MS });
  return { ...key.tls, cmc, attest: 'mutual', requireKeyProtection: 'remote' };
}

function seenBy({ attestation: { keyProtection, keyBinding, result } }) {
  return { keyProtection, keyBinding, peer: result?.summary.status };
}

function codeOf(error) {
  return { code: error.remoteCode ?? error.code, message: error.message };
}

async function withDaemon(work) {
  const client = await createCmcClient({ ...cmc, timeoutMs: CALL_MS });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
