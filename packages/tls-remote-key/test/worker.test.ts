import { once } from 'node:events';
import { connect } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { describeWithAddon } from './support/addon.ts';
import { handshake } from './support/handshake.ts';
import { createParty, type Party } from './support/party.ts';

const FOREVER_MS = 50_000;
const SOON_MS = 5_000;
const ROUNDS = 5;

describeWithAddon('a worker that serves TLS', () => {
  it('has keys of its own, which end with it', async () => {
    const party = await createParty('EC256');
    const { worker, port } = await startWorker(party, 0);
    expect(await clientOf(port, party)).toBe('hello');
    // The same key is on this thread, too, where another signer has it.
    const here = { cert: party.cert, key: party.key.pem };
    expect(await handshake(here, { ca: party.ca })).toEqual({ text: 'hello' });
    expect(party.signatures()).toBe(1);
    await worker.terminate();
    expect(await handshake(here, { ca: party.ca })).toEqual({ text: 'hello' });
    expect(party.signatures()).toBe(2);
  });

  it('can be terminated while a handshake waits for a signature, again and again', async () => {
    const party = await createParty('EC256');
    for (let i = 0; i < ROUNDS; i++) {
      const { worker, port } = await startWorker(party, FOREVER_MS);
      const signing = once(worker, 'message');
      const client = clientOf(port, party);
      expect(await signing).toEqual(['signing']);
      const begin = performance.now();
      await worker.terminate();
      expect(performance.now() - begin).toBeLessThan(SOON_MS);
      expect(await client).toBeInstanceOf(Error);
    }
    const here = { cert: party.cert, key: party.key.pem };
    expect(await handshake(here, { ca: party.ca })).toEqual({ text: 'hello' });
  });
});

async function startWorker(
  party: Party,
  delayMs: number,
): Promise<{ worker: Worker; port: number }> {
  const { cert, publicKey, privateKeyPem: pem } = party;
  const worker = new Worker(new URL('./support/tls-worker.mjs', import.meta.url), {
    workerData: { cert, publicKey, pem, delayMs },
    execArgv: [],
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = await once(worker, 'message');
  return { worker, port };
}

/** What the server said, or the error of the connection. */
function clientOf(port: number, { ca }: Party): Promise<string | Error> {
  const socket = connect({ host: 'localhost', port, ca });
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('error', resolve);
    socket.once('close', () => resolve(new Error('closed')));
  });
}
