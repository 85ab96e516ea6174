import { createPublicKey } from 'node:crypto';
import { DecodeError } from '@cmc/bytes';
import { expect, test } from 'vitest';
import {
  createImaKeyring,
  imaAsciiToBinary,
  parseImaList,
  verifyImaSignature,
} from '../src/index.ts';
import { readVector } from './vectors.ts';

const text = (file: string): string => new TextDecoder().decode(readVector('ima', file));
const spki = (file: string): Uint8Array =>
  new Uint8Array(createPublicKey(text(file)).export({ type: 'spki', format: 'der' }));
const KEYS = [spki('keylime-signers.1.pem'), spki('keylime-signers.2.pem')];
const entriesOf = (file: string) =>
  parseImaList(imaAsciiToBinary(text(file)), { bank: 'SHA-256' }).entries;

test('R21 RSA and EC file signatures verify under the keys of the ring', () => {
  const results = entriesOf('ima-sig-keylime-combined.txt').map((entry) =>
    verifyImaSignature(entry, createImaKeyring(KEYS)),
  );
  expect(results.map(({ ok }) => ok)).toEqual([false, false, false, true, true]);
  expect(results[0]).toMatchObject({ reason: 'unsigned' });
});

test('R21 a good signature of a key outside the ring is no trust', () => {
  const [, , , rsa, ec] = entriesOf('ima-sig-keylime-combined.txt');
  for (const entry of [rsa, ec]) {
    if (entry === undefined) throw new Error('no entry');
    const oks = KEYS.map((key) => verifyImaSignature(entry, createImaKeyring([key])));
    expect(oks.filter(({ ok }) => ok)).toHaveLength(1);
    expect(oks.find(({ ok }) => !ok)).toMatchObject({ reason: 'unknown-key' });
    expect(verifyImaSignature(entry, createImaKeyring([]))).toMatchObject({
      reason: 'unknown-key',
    });
  }
});

test('every flipped byte of a signature or of the digest it covers is refused', () => {
  const keyring = createImaKeyring(KEYS);
  for (const entry of entriesOf('ima-sig-keylime-combined.txt').slice(3)) {
    const sig = entry.fields.get('sig') ?? new Uint8Array();
    for (let i = 0; i < sig.length; i++) {
      const flipped = sig.slice();
      flipped[i] = (flipped[i] ?? 0) ^ 1;
      const edited = { ...entry, fields: new Map([...entry.fields, ['sig', flipped] as const]) };
      expect(verifyImaSignature(edited, keyring).ok).toBe(false);
    }
    const value = entry.digest.value.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
    const edited = { ...entry, digest: { ...entry.digest, value } };
    expect(verifyImaSignature(edited, keyring)).toMatchObject({ ok: false, reason: 'wrong' });
  }
});

test('a signature with swapped length bytes is malformed', () => {
  const [entry] = entriesOf('ima-sig-keylime-bad.txt');
  if (entry === undefined) throw new Error('no entry');
  expect(verifyImaSignature(entry, createImaKeyring(KEYS))).toMatchObject({ ok: false });
});

test('refuses keys that are none', () => {
  expect(() => createImaKeyring([new Uint8Array(8)])).toThrow(DecodeError);
  for (const key of KEYS)
    expect(() => createImaKeyring([key.subarray(0, -1)])).toThrow(DecodeError);
});
