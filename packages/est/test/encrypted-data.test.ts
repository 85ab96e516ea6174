import { concatBytes, toHex } from '@cmc/bytes';
import { flipEachByte, prefixes } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { der, derOctetString, derOid, derSequence, derSmallInteger } from '../src/der-writer.ts';
import { decryptData, encryptData, MAX_ENCRYPTED_DATA_BYTES } from '../src/index.ts';
import { openssl } from './openssl.ts';
import { vectorBytes } from './vectors.ts';

const key = vectorBytes('encryptedData', 'key');
const content = vectorBytes('encryptedData', 'content');
const message = vectorBytes('encryptedData', 'message');
const spellings = ['reference', 'rfc5084'] as const;

const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const DATA = '1.2.840.113549.1.7.1';
const AES_256_GCM = '2.16.840.1.101.3.4.1.46';
const nonce = new Uint8Array(12);

/** Encrypted data whose parts can be replaced. */
function encryptedData(
  over: Partial<
    Record<
      'type' | 'version' | 'inner' | 'algorithm' | 'parameters' | 'content' | 'rest',
      Uint8Array
    >
  >,
): Uint8Array {
  return concatBytes(
    derSequence(
      over.type ?? derOid(ENCRYPTED_DATA),
      der(
        0xa0,
        derSequence(
          over.version ?? derSmallInteger(0),
          derSequence(
            over.inner ?? derOid(DATA),
            derSequence(
              over.algorithm ?? derOid(AES_256_GCM),
              over.parameters ?? derSequence(derOctetString(nonce), derSmallInteger(16)),
            ),
            over.content ?? der(0x80, new Uint8Array(16)),
          ),
        ),
      ),
    ),
    over.rest ?? new Uint8Array(),
  );
}

const codeOf = (bytes: Uint8Array): string => {
  try {
    decryptData(bytes, key);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'decrypted';
};

describe('decryptData', () => {
  test('opens the message of the Go implementation', () => {
    expect(toHex(decryptData(message, key))).toBe(toHex(content));
  });

  test.each(spellings)('opens what was encrypted, spelled as %s', (spelling) => {
    for (const length of [0, 1, 1000, 100_000]) {
      const plain = new Uint8Array(length).fill(7);
      expect(decryptData(encryptData(plain, { key, spelling }), key)).toStrictEqual(plain);
    }
  });

  test.each([
    ['a sequence around the parameters', 0x30],
    ['a primitive sequence around the parameters', 0x10],
  ])('takes %s', (_name, tag) => {
    const parameters = der(tag, derSequence(der(0x84, nonce), derSmallInteger(16)));
    for (const sealed of [
      der(0x80, new Uint8Array(16)),
      der(0xa0, derOctetString(new Uint8Array(16))),
    ]) {
      // Well formed; the tag of zeros is wrong.
      expect(codeOf(encryptedData({ parameters, content: sealed }))).toBe('ERR_EST_DECRYPT');
    }
  });

  test('refuses another key, and a key of another length', () => {
    expect(() => decryptData(message, new Uint8Array(32))).toThrow(
      expect.objectContaining({ name: 'EstError', code: 'ERR_EST_DECRYPT' }),
    );
    expect(() => decryptData(message, new Uint8Array(16))).toThrow(RangeError);
    expect(() => encryptData(content, { key: new Uint8Array(31) })).toThrow(RangeError);
  });

  test('refuses a message with any byte flipped', () => {
    for (const bytes of [message, encryptData(content, { key, spelling: 'rfc5084' })]) {
      expect(codeOf(bytes)).toBe('decrypted');
      for (const { bytes: flipped } of flipEachByte(bytes)) {
        expect(codeOf(flipped)).toMatch(/^ERR_(?:DECODE_[A-Z_]+|EST_DECRYPT)$/);
      }
    }
  });

  test('refuses every proper prefix', () => {
    for (const prefix of prefixes(message)) expect(codeOf(prefix)).toMatch(/^ERR_DECODE_/);
  });

  test.each<[string, string, Parameters<typeof encryptedData>[0]]>([
    ['another content type', 'ERR_DECODE_VALUE', { type: derOid(DATA) }],
    ['another version', 'ERR_DECODE_VALUE', { version: derSmallInteger(2) }],
    ['another inner type', 'ERR_DECODE_VALUE', { inner: derOid(ENCRYPTED_DATA) }],
    ['AES-128', 'ERR_DECODE_VALUE', { algorithm: derOid('2.16.840.1.101.3.4.1.6') }],
    [
      'a short nonce',
      'ERR_DECODE_VALUE',
      { parameters: derSequence(derOctetString(nonce.subarray(1)), derSmallInteger(16)) },
    ],
    [
      'a short tag',
      'ERR_DECODE_VALUE',
      { parameters: derSequence(derOctetString(nonce), derSmallInteger(12)) },
    ],
    [
      'the default tag length',
      'ERR_DECODE_TRUNCATED',
      { parameters: derSequence(derOctetString(nonce)) },
    ],
    [
      'the nonce of the other spelling',
      'ERR_DECODE_TYPE',
      { parameters: derSequence(der(0x84, nonce), derSmallInteger(16)) },
    ],
    ['no room for the tag', 'ERR_DECODE_TRUNCATED', { content: der(0x80, new Uint8Array(15)) }],
    [
      'content in two pieces',
      'ERR_DECODE_TRAILING',
      { content: der(0xa0, derOctetString(nonce), derOctetString(nonce)) },
    ],
    ['trailing bytes', 'ERR_DECODE_TRAILING', { rest: Uint8Array.of(0) }],
  ])('refuses %s', (_name, code, over) => {
    expect(codeOf(encryptedData({}))).toBe('ERR_EST_DECRYPT');
    expect(codeOf(encryptedData(over))).toBe(code);
  });

  test('refuses what is too long', () => {
    expect(codeOf(new Uint8Array(MAX_ENCRYPTED_DATA_BYTES + 1))).toBe('ERR_DECODE_LIMIT');
  });
});

describe('encryptData', () => {
  test('never uses a nonce twice', () => {
    const messages = [1, 2].map(() => toHex(encryptData(content, { key })));
    expect(messages[0]).not.toBe(messages[1]);
  });

  test('writes the layout of the Go implementation by default', () => {
    const ours = encryptData(content, { key });
    expect(ours.length).toBe(message.length);
    // Nonce and sealed content are new, everything around them is the same.
    const skeleton = (bytes: Uint8Array): string => {
      const at = toHex(bytes).indexOf('840c');
      return toHex(bytes).slice(0, at + 4) + toHex(bytes).slice(at + 28, at + 28 + 14);
    };
    expect(skeleton(ours)).toBe(skeleton(message));
  });

  test('writes DER that openssl can walk, in the spelling of the standard', () => {
    const bytes = encryptData(content, { key, spelling: 'rfc5084' });
    const text = new TextDecoder().decode(
      openssl(['asn1parse', '-inform', 'DER', '-in', 'p7'], { p7: bytes }),
    );
    expect(text).toContain(':pkcs7-encryptedData');
    expect(text).toContain(':aes-256-gcm');
  });
});
