import { createHash, verify } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { createFakeKeySync } from '@cmc/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { CircuitBreaker } from '../src/circuit-breaker.ts';
import {
  type SignerThread,
  type SignerThreadOptions,
  type SignRequest,
  startSignerThread,
} from '../src/index.ts';
import { describeWithAddon } from './support/addon.ts';
import { handshake } from './support/handshake.ts';
import { createParty } from './support/party.ts';

const key = createFakeKeySync('EC256');
const pem = String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
const module = new URL('./support/soft-signer.mjs', import.meta.url);
const message = Buffer.from('what is signed');
const request: SignRequest = {
  digest: createHash('sha256').update(message).digest(),
  hash: 'SHA-256',
  scheme: 'ecdsa',
};

let threads: SignerThread[] = [];
afterEach(async () => {
  await Promise.all(threads.map((thread) => thread.close()));
  threads = [];
});

function start(data: object, options: Partial<SignerThreadOptions> = {}): SignerThread {
  const thread = startSignerThread({ module, data: { pem, ...data }, ...options });
  threads.push(thread);
  return thread;
}

describe('a signer thread', () => {
  it('gives signatures to a thread that waits', () => {
    const { sign } = start({});
    for (let i = 0; i < 20; i++) {
      expect(verify('sha256', message, key.publicKey, sign(request))).toBe(true);
    }
  });

  it('that takes too long is given up at the deadline, then not asked for a while', async () => {
    const { sign } = start({ delayMs: 60_000 }, { timeoutMs: 200, pauseMs: 60_000 });
    const begin = performance.now();
    expect(() => sign(request)).toThrow(
      expect.objectContaining({ code: 'ERR_REMOTE_KEY_TIMEOUT' }),
    );
    expect(() => sign(request)).toThrow(expect.objectContaining({ code: 'ERR_REMOTE_KEY_OPEN' }));
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('does not take a late answer for the next one', () => {
    // The second one comes 100 ms too late, while the third is waited for.
    const { sign } = start({ delayMs: [0, 1600, 400, 0] }, { timeoutMs: 1500, pauseMs: 0 });
    const other = { ...request, digest: createHash('sha256').update('other').digest() };
    sign(other);
    expect(() => sign(other)).toThrow(expect.objectContaining({ code: 'ERR_REMOTE_KEY_TIMEOUT' }));
    for (let i = 0; i < 2; i++) {
      expect(verify('sha256', message, key.publicKey, sign(request))).toBe(true);
    }
  });

  it('says why there is no signature', () => {
    const { sign } = start({ failure: 'the TPM is in lockout' });
    expect(() => sign(request)).toThrow(
      expect.objectContaining({ code: 'ERR_REMOTE_KEY_SIGNER', message: 'the TPM is in lockout' }),
    );
  });

  it('refuses an answer that is no signature', () => {
    const { sign } = start({ answer: 'text' });
    expect(() => sign(request)).toThrow(expect.objectContaining({ code: 'ERR_REMOTE_KEY_SIGNER' }));
  });

  it('whose module is missing fails, and does not hang', () => {
    const { sign } = start({}, { module: new URL('./missing.mjs', import.meta.url) });
    expect(() => sign(request)).toThrow(expect.objectContaining({ code: 'ERR_REMOTE_KEY_SIGNER' }));
  });

  it('that was closed fails at once', async () => {
    const thread = start({}, { timeoutMs: 60_000 });
    thread.sign(request);
    await thread.close();
    await setImmediate();
    expect(() => thread.sign(request)).toThrow(
      expect.objectContaining({ code: 'ERR_REMOTE_KEY_SIGNER' }),
    );
  });
});

describeWithAddon('a signer thread in TLS', () => {
  it('makes the signatures of handshakes', async () => {
    let thread: SignerThread | undefined;
    const party = await createParty('EC256', () => (signRequest) => {
      if (thread === undefined) throw new Error('no thread');
      return thread.sign(signRequest);
    });
    thread = start({ pem: party.privateKeyPem, delayMs: 20 });
    const options = { cert: party.cert, key: party.key.pem };
    for (let i = 0; i < 5; i++) {
      expect(await handshake(options, { ca: party.ca })).toEqual({ text: 'hello' });
    }
  });

  it('closed during handshakes fails them with its reason', async () => {
    let thread: SignerThread | undefined;
    const party = await createParty('EC256', () => (signRequest) => {
      if (thread === undefined) throw new Error('no thread');
      return thread.sign(signRequest);
    });
    thread = start({ pem: party.privateKeyPem });
    await thread.close();
    const { serverError } = await handshake(
      { cert: party.cert, key: party.key.pem },
      { ca: party.ca },
    );
    expect(String(serverError)).toContain('closed');
  });
});

describe('the circuit breaker', () => {
  it('tries again after the pause, and closes when that works', () => {
    let now = 0;
    const breaker = new CircuitBreaker(100, () => now);
    const fail = (): never => {
      throw new Error('down');
    };
    expect(() => breaker.run(fail)).toThrow('down');
    now = 99;
    expect(() => breaker.run(() => 1)).toThrow(
      expect.objectContaining({ code: 'ERR_REMOTE_KEY_OPEN' }),
    );
    now = 100;
    expect(() => breaker.run(fail)).toThrow('down');
    now = 199;
    expect(() => breaker.run(() => 1)).toThrow();
    now = 200;
    expect(breaker.run(() => 1)).toBe(1);
    expect(breaker.run(() => 2)).toBe(2);
  });
});
