import { spawnSync } from 'node:child_process';
import {
  createPrivateKey,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, encodeUtf8, toHex } from '@cmc/bytes';
import { createFakeCa } from '@cmc/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { createImaKeyring, parseImaList, verifyImaSignature } from '../src/index.ts';
import { digestField, hashOf, nul, writeEntry } from './list-writer.ts';

const FILE = encodeUtf8('hello\n');
const HASH_NUMBERS = { sha1: 2, sha256: 4, sha384: 5, sha512: 6 } as const;
type HashName = keyof typeof HASH_NUMBERS;

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const PAIRS = {
  'RSA 2048': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
} as const;
const spkiOf = ({ publicKey }: Pair): Uint8Array =>
  new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));

interface Signed {
  readonly pair: Pair;
  readonly keyId: Uint8Array;
  readonly hash: HashName;
  readonly kind: number;
  readonly version: number;
  /** Hashed with `hash` and signed. */
  readonly message: Uint8Array;
}

function signatureField({ pair, keyId, hash, kind, version, message }: Signed): Uint8Array {
  const signature = new Uint8Array(createSign(hash).update(message).sign(pair.privateKey));
  const size = Uint8Array.of(signature.length >> 8, signature.length & 0xff);
  const head = Uint8Array.of(kind, version, HASH_NUMBERS[hash]);
  return concatBytes(head, keyId, size, signature);
}

/** fs-verity digest of a file of at most one block of 4096 bytes, without salt (fs/verity). */
function verityDigest(hash: 'sha256' | 'sha512', file: Uint8Array): Uint8Array {
  const block = new Uint8Array(4096);
  block.set(file);
  const descriptor = new Uint8Array(256);
  descriptor.set([1, hash === 'sha256' ? 1 : 2, 12]);
  new DataView(descriptor.buffer).setBigUint64(8, BigInt(file.length), true);
  if (file.length > 0) descriptor.set(hashOf(hash, block), 16);
  return hashOf(hash, descriptor);
}

function judge(
  pair: Pair,
  template: string,
  digest: Uint8Array,
  signature: Uint8Array,
): ReturnType<typeof verifyImaSignature> {
  const list = writeEntry({ template, fields: [digest, nul('/bin/run'), signature] });
  const { entries } = parseImaList(list, { bank: 'SHA-256' });
  const [entry] = entries;
  if (entry === undefined) throw new Error('no entry');
  return verifyImaSignature(entry, createImaKeyring([spkiOf(pair)]));
}

function keyIdOf(pair: Pair): Uint8Array {
  const [id = ''] = createImaKeyring([spkiOf(pair)]).keys.keys();
  return Uint8Array.from(Buffer.from(id, 'hex'));
}

describe.each(Object.entries(PAIRS))('%s', (_, pair) => {
  const keyId = keyIdOf(pair);
  const hashes = ['sha256', 'sha384', 'sha512'] as const;

  test.each(hashes)('R21 version 2 with %s is over the digest of the file', (hash) => {
    const signed = { pair, keyId, hash, kind: 3, version: 2, message: FILE };
    const digest = hashOf(hash, FILE);
    const good = signatureField(signed);
    expect(judge(pair, 'ima-sig', digestField(hash, digest), good).ok).toBe(true);
    expect(judge(pair, 'ima-sigv2', digestField(`ima:${hash}`, digest), good).ok).toBe(true);
    const other = digestField(hash, hashOf(hash, encodeUtf8('other')));
    expect(judge(pair, 'ima-sig', other, good)).toMatchObject({ ok: false, reason: 'wrong' });
  });

  test.each(['sha256', 'sha512'] as const)(
    'R21 version 3 with %s is over kind, algorithm and fs-verity digest, and only over them',
    (hash) => {
      const digest = verityDigest(hash, FILE);
      const message = concatBytes(Uint8Array.of(6, HASH_NUMBERS[hash]), digest);
      const signed = { pair, keyId, hash, kind: 6, version: 3, message };
      const typed = digestField(`verity:${hash}`, digest);
      const good = signatureField(signed);
      expect(judge(pair, 'ima-sigv2', typed, good)).toEqual({ ok: true, keyId: toHex(keyId) });
      for (const bad of [
        { ...signed, message: digest },
        { ...signed, message: concatBytes(Uint8Array.of(3, HASH_NUMBERS[hash]), digest) },
        { ...signed, message: concatBytes(Uint8Array.of(6, 2), digest) },
      ]) {
        expect(judge(pair, 'ima-sigv2', typed, signatureField(bad))).toMatchObject({
          ok: false,
          reason: 'wrong',
        });
      }
      // The same bytes as the digest of file contents are another claim.
      const untyped = [digestField(`ima:${hash}`, digest), digestField(hash, digest)] as const;
      expect(judge(pair, 'ima-sigv2', untyped[0], good)).toMatchObject({ reason: 'wrong' });
      expect(judge(pair, 'ima-sig', untyped[1], good)).toMatchObject({ reason: 'wrong' });
    },
  );

  test('R21 version 3 of plain file contents is bound to that kind', () => {
    const digest = hashOf('sha256', FILE);
    const message = concatBytes(Uint8Array.of(3, 4), digest);
    const signed = { pair, keyId, hash: 'sha256', kind: 3, version: 3, message } as const;
    const field = digestField('ima:sha256', digest);
    expect(judge(pair, 'ima-sigv2', field, signatureField(signed)).ok).toBe(true);
    const verity = digestField('verity:sha256', digest);
    expect(judge(pair, 'ima-sigv2', verity, signatureField(signed)).ok).toBe(false);
  });

  test('R21 version 2 does not exist for fs-verity, nor version 1 at all', () => {
    const digest = verityDigest('sha256', FILE);
    const field = digestField('verity:sha256', digest);
    for (const [kind, version] of [
      [6, 2],
      [6, 1],
      [3, 1],
      [3, 4],
    ] as const) {
      const signed = { pair, keyId, hash: 'sha256', kind, version, message: FILE } as const;
      expect(judge(pair, 'ima-sigv2', field, signatureField(signed))).toEqual({
        ok: false,
        reason: 'malformed',
      });
    }
  });

  test('R21 SHA-1 is no algorithm for signatures, nor is one that differs from the digest', () => {
    const signed = { pair, keyId, hash: 'sha1', kind: 3, version: 2, message: FILE } as const;
    const sha1 = digestField('sha1', hashOf('sha1', FILE));
    expect(judge(pair, 'ima-sig', sha1, signatureField(signed))).toMatchObject({
      ok: false,
      reason: 'algorithm',
    });
    const sha512 = signatureField({ ...signed, hash: 'sha512' });
    const sha256 = digestField('sha256', hashOf('sha256', FILE));
    expect(judge(pair, 'ima-sig', sha256, sha512)).toMatchObject({ reason: 'algorithm' });
  });
});

test('an EVM signature in the place of a file signature says nothing of the digest', () => {
  const pair = PAIRS['P-256'];
  const signed = { pair, keyId: keyIdOf(pair), hash: 'sha256', kind: 5, version: 2 } as const;
  const field = signatureField({ ...signed, message: FILE });
  expect(judge(pair, 'ima-sig', digestField('sha256', hashOf('sha256', FILE)), field)).toEqual({
    ok: false,
    reason: 'metadata',
  });
});

test('the fs-verity digest of the empty file is the one that everybody has', () => {
  expect(toHex(verityDigest('sha256', new Uint8Array(0)))).toBe(
    '3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95',
  );
});

test('a key id is the end of the SHA-1 digest of the key bits', () => {
  expect(toHex(keyIdOf(PAIRS['RSA 2048']))).toBe(
    toHex(
      hashOf('sha1', PAIRS['RSA 2048'].publicKey.export({ type: 'pkcs1', format: 'der' })).subarray(
        -4,
      ),
    ),
  );
});

const TOOL = 'evmctl';
const isMissing = spawnSync(TOOL, ['--version']).error !== undefined;

describe.skipIf(isMissing && process.env['CI'] === undefined)(
  `${TOOL} as the other side (skipped where it is not installed)`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'cmc-ima-signature-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const path = (name: string): string => join(folder, name);

    test.each(Object.entries(PAIRS))('R21 its signatures with %s verify here', (_, pair) => {
      writeFileSync(path('key.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      writeFileSync(path('file'), FILE);
      const args = ['ima_sign', '--sigfile', '-a', 'sha256', '--key', path('key.pem')];
      expect(spawnSync(TOOL, [...args, path('file')]).status).toBe(0);
      const field = new Uint8Array(readFileSync(path('file.sig')));
      const digest = digestField('sha256', hashOf('sha256', FILE));
      expect(judge(pair, 'ima-sig', digest, field).ok).toBe(true);
      field[field.length - 1] = (field.at(-1) ?? 0) ^ 1;
      expect(judge(pair, 'ima-sig', digest, field).ok).toBe(false);
    });

    test('it verifies what is signed here by the rules of version 2', async () => {
      const ca = await createFakeCa();
      const { certificate, privateKeyPem } = await ca.issue({ commonName: 'file signer' });
      const privateKey = createPrivateKey(privateKeyPem);
      const pair = { privateKey, publicKey: createPublicKey(privateKey) };
      const signed = { pair, keyId: keyIdOf(pair), hash: 'sha256', kind: 3, version: 2 } as const;
      writeFileSync(path('signer.der'), certificate);
      writeFileSync(path('file'), FILE);
      writeFileSync(path('file.sig'), signatureField({ ...signed, message: FILE }));
      const args = ['ima_verify', '--sigfile', '--key', path('signer.der'), path('file')];
      expect(spawnSync(TOOL, args).status).toBe(0);
      writeFileSync(path('file'), 'other');
      expect(spawnSync(TOOL, args).status).not.toBe(0);
    });
  },
);
