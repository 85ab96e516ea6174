import { expect, test } from 'vitest';
import { MAX_NONCES_PER_ADDRESS, NONCE_LIFETIME_MS } from '../../src/auth/limits.ts';
import { Nonces } from '../../src/auth/nonces.ts';
import { NOW } from '../support/certificates.ts';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);

test('an address has so many nonces that are not spent, whatever other addresses have', async () => {
  const nonces = new Nonces({ createNonce: async () => true });
  const taken = [];
  for (let i = 0; i < MAX_NONCES_PER_ADDRESS; i++) {
    // All of one /64 network.
    taken.push(await nonces.create(`2001:db8::${i.toString(16)}`, NOW));
  }
  expect(taken.every((each) => each !== undefined)).toBe(true);
  expect(await nonces.create('2001:db8::abcd', NOW)).toBeUndefined();
  expect(await nonces.create('192.0.2.1', NOW)).toBeDefined();
  nonces.spent(taken[7]?.nonce ?? new Uint8Array());
  nonces.spent(taken[7]?.nonce ?? new Uint8Array());
  expect(await nonces.create('2001:db8::1', NOW)).toBeDefined();
  expect(await nonces.create('2001:db8::1', NOW)).toBeUndefined();
  expect(await nonces.create('2001:db8::1', later(NONCE_LIFETIME_MS))).toBeDefined();
});

test('a nonce that the store refuses takes nothing from an address', async () => {
  let isFull = true;
  const nonces = new Nonces({ createNonce: async () => !isFull });
  for (let i = 0; i <= MAX_NONCES_PER_ADDRESS; i++) {
    expect(await nonces.create('192.0.2.1', NOW)).toBeUndefined();
  }
  isFull = false;
  expect(await nonces.create('192.0.2.1', NOW)).toBeDefined();
});
