import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { connect } from '../src/index.ts';
import { addonIsMissing, ca, KEY_ID, type KeyDaemon, startDaemon } from './support/key-daemon.ts';
import { serverIdentity, trusted } from './support/pki.ts';

const PROGRAM = fileURLToPath(new URL('readme-fallback.mjs', import.meta.url));

/** Starts the server of the README in a process of its own. */
async function serveInProcess({ cmc }: KeyDaemon, flags: readonly string[]): Promise<number> {
  const data = JSON.stringify({ cmc, keyId: KEY_ID, attest: 'none', ...serverIdentity });
  const child = spawn(process.execPath, [...flags, PROGRAM, data], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Else numbers are printed in colour where the caller has colours.
    env: { ...process.env, FORCE_COLOR: '0' },
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [port] = await once(child.stdout, 'data');
  return Number(port);
}

async function greeting(port: number, options: object): Promise<string> {
  const socket = connect({ host: 'localhost', port, attest: 'none', ...options });
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk;
  return `${text}, proven: ${socket.attestation?.peerKeyProof !== undefined}`;
}

test('without the addon the example of the README proves the key instead', async () => {
  const port = await serveInProcess(await startDaemon(), ['--no-addons']);
  const options = { ...trusted, keyProofRoots: ca.pem, requirePeerKeyProof: true };
  expect(await greeting(port, options)).toBe('hello, my key is bound, proven: true');
});

test.skipIf(addonIsMissing())('with the addon it does TLS with the key', async () => {
  const port = await serveInProcess(await startDaemon(), []);
  const text = await greeting(port, { ca: ca.pem });
  expect(text).toBe('hello, my key is remote, proven: false');
});

test('the README shows the fallback as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`js\n${read('readme-fallback.mjs')}\`\`\``);
});
