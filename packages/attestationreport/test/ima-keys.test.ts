import { readFileSync } from 'node:fs';
import { encodeUtf8 } from '@cmc/bytes';
import {
  createFakeCa,
  createFakeKeySync,
  type FakeKeyAlgorithm,
  spkiOf,
  toPem,
} from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { parseImaKeys } from '../src/index.ts';
import { SIGNERS } from './support/signed-files.ts';

describe('parseImaKeys', () => {
  test('takes public keys and certificates, PEM and DER, several of a kind in one file', async () => {
    const ca = createFakeCa();
    const [issued, more] = [await ca.issue(), await ca.issue({ keyAlgorithm: 'RSA2048' })];
    const keys = [spkiOf(issued.key), spkiOf(more.key)];
    const [key = new Uint8Array()] = keys;
    const pem = keys.map((each) => toPem(each, 'PUBLIC KEY')).join('');
    expect(parseImaKeys(key)).toEqual([key]);
    expect(parseImaKeys(issued.certificate)).toEqual([key]);
    expect(parseImaKeys(encodeUtf8(`0 signers of files\n${pem}`))).toEqual(keys);
    expect(parseImaKeys(encodeUtf8(issued.certificatePem + more.certificatePem))).toEqual(keys);
    for (const file of SIGNERS) expect(parseImaKeys(readFileSync(file))).toHaveLength(1);
  });

  const wrong = (algorithm: FakeKeyAlgorithm): string =>
    toPem(spkiOf(createFakeKeySync(algorithm)), 'PUBLIC KEY');
  const { privateKey } = createFakeKeySync();
  test.each<[string, string | Uint8Array, string]>([
    ['nothing', '', 'ERR_DECODE'],
    ['text', 'a key', 'ERR_DECODE'],
    ['a short RSA key', wrong('weak-RSA1024'), 'RSA key of 1024 bits'],
    ['an Ed25519 key', wrong('Ed25519'), 'key algorithm'],
    ['a key on another curve', wrong('weak-EC224'), 'unknown curve'],
    ['a key and more', Uint8Array.of(...spkiOf(createFakeKeySync()), 0), 'ERR_DECODE_TRAILING'],
    [
      'a private key',
      privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      'expected a block with the label',
    ],
    [
      'a public key and a certificate',
      wrong('weak-secp256k1') + createFakeCa().pem,
      'expected a block with the label PUBLIC KEY',
    ],
  ])('refuses a file with %s', (_, content, reason) => {
    const bytes = typeof content === 'string' ? encodeUtf8(content) : content;
    const thrown = expect(() => parseImaKeys(bytes));
    thrown.toThrow(expect.objectContaining({ name: 'DecodeError' }));
    thrown.toThrow(
      reason.startsWith('ERR_')
        ? expect.objectContaining({ code: expect.stringContaining(reason) })
        : reason,
    );
  });

  test('refuses more keys than a keyring has, those of files before among them', () => {
    const pem = encodeUtf8(readFileSync(SIGNERS[1], 'utf8').repeat(513));
    const keys = parseImaKeys(pem);
    expect(keys).toHaveLength(513);
    expect(() => parseImaKeys(pem, keys)).toThrow(RangeError);
  });
});
