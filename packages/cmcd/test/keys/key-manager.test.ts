import { createHash, randomUUID, verify, X509Certificate } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TlsKeyConfig } from '@cmc/api';
import { createFakeCa, fakeSigner } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import type { Enroller } from '../../src/keys/enroller.ts';
import { createKeyManager, type KeyManager } from '../../src/keys/key-manager.ts';
import { createLocalEnroller } from '../../src/keys/local-enroller.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ca = createFakeCa();
const enroller = createLocalEnroller({ ca: fakeSigner(ca.key, [ca.certificate]) });
const MESSAGE = new TextEncoder().encode('to be signed');

function config(change: Partial<TlsKeyConfig> = {}): TlsKeyConfig {
  const names = { cn: 'localhost', dnsNames: ['localhost'], ipAddresses: [] };
  return { type: 'sw', alg: 'EC256', ...names, ...change };
}

async function create(manager: KeyManager, change?: Partial<TlsKeyConfig>): Promise<string> {
  const report = async (): Promise<Uint8Array> => new Uint8Array(0);
  return await manager.create(config(change), { report });
}

function digestOf(hash: string): Uint8Array {
  return new Uint8Array(createHash(hash).update(MESSAGE).digest());
}

describe('createKeyManager', () => {
  test.each([
    ['EC256', 'sha256', 'SHA-256'],
    ['EC384', 'sha384', 'SHA-384'],
    ['EC521', 'sha512', 'SHA-512'],
    ['RSA2048', 'sha256', 'SHA-256'],
    ['RSA2048', 'sha512', 'sha512'],
  ] as const)(
    'makes keys of %s that sign digests of %s as TLS wants it',
    async (alg, hash, hashAlg) => {
      const manager = await createKeyManager({ enroller });
      const id = await create(manager, { alg });
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const signature = await manager.sign(id, digestOf(hash), hashAlg);
      const [leaf = ''] = await manager.certificates(id);
      // node:crypto takes DER for ECDSA and PKCS #1 v1.5 for RSA by default.
      expect(verify(hash, MESSAGE, new X509Certificate(leaf).publicKey, signature)).toBe(true);
    },
  );

  test('gives the chain of a key, one certificate per text, leaf first', async () => {
    const manager = await createKeyManager({ enroller });
    const certificates = await manager.certificates(await create(manager));
    expect(certificates).toHaveLength(2);
    for (const pem of certificates) {
      expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    }
    const [leaf, root] = certificates.map((pem) => new X509Certificate(pem));
    expect(leaf?.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
    expect(new Uint8Array(root?.raw ?? [])).toStrictEqual(ca.certificate);
  });

  test('gives an enroller a report on demand, made for the new key', async () => {
    const asked: Uint8Array[] = [];
    const attesting: Enroller = {
      enroll: async (request) => {
        expect(await request.report()).toStrictEqual(Uint8Array.of(1, 2, 3));
        expect(asked).toStrictEqual([request.publicKey]);
        expect(request.keyConfig).toStrictEqual(config());
        return await enroller.enroll(request);
      },
    };
    const manager = await createKeyManager({ enroller: attesting });
    const report = async (publicKey: Uint8Array): Promise<Uint8Array> => {
      asked.push(publicKey);
      return Uint8Array.of(1, 2, 3);
    };
    await manager.create(config(), { report });
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['SHA-256', 31],
    ['SHA-384', 32],
    ['SHA-1', 20],
    ['MD5', 16],
    ['', 32],
  ])('refuses to sign for %s a digest of %d bytes', async (hashAlg, length) => {
    const manager = await createKeyManager({ enroller });
    const id = await create(manager);
    await expect(manager.sign(id, new Uint8Array(length), hashAlg)).rejects.toMatchObject({
      code: 'ERR_KEY_DIGEST',
    });
  });

  test('refuses a digest that does not fit the curve', async () => {
    const manager = await createKeyManager({ enroller });
    const id = await create(manager);
    await expect(manager.sign(id, digestOf('sha384'), 'SHA-384')).rejects.toMatchObject({
      code: 'ERR_KEY_DIGEST',
    });
  });

  test.each([randomUUID(), '', '../../../etc/passwd', 'a'.repeat(36)])(
    'knows no key %j',
    async (id) => {
      for (const storage of [undefined, temporaryFolder()]) {
        const manager = await createKeyManager({ enroller, ...(storage ? { storage } : {}) });
        const unknown = { code: 'ERR_KEY_UNKNOWN' };
        await expect(manager.certificates(id)).rejects.toMatchObject(unknown);
        await expect(manager.sign(id, digestOf('sha256'), 'SHA-256')).rejects.toMatchObject(
          unknown,
        );
      }
    },
  );

  test('has no keys in a TPM in this version', async () => {
    const manager = await createKeyManager({ enroller });
    await expect(create(manager, { type: 'tpm' })).rejects.toMatchObject({
      code: 'ERR_CMCD_NOT_AVAILABLE',
    });
  });

  test.each<[string, () => Promise<readonly Uint8Array[]>]>([
    ['nothing', async () => []],
    ['a certificate for another key', async () => [ca.certificate]],
    ['bytes that are no certificate', async () => [Uint8Array.of(1, 2, 3)]],
    ['too many certificates', async () => Array.from({ length: 17 }, () => ca.certificate)],
  ])('keeps no key when the enrolment gives %s', async (_, enroll) => {
    const storage = temporaryFolder();
    const manager = await createKeyManager({ enroller: { enroll }, storage });
    await expect(create(manager)).rejects.toMatchObject({ code: 'ERR_ENROLL_RESPONSE' });
    expect(readdirSync(join(storage, 'tls_key_store', 'keys'))).toStrictEqual([]);
    expect(readdirSync(join(storage, 'tls_key_store', 'certs'))).toStrictEqual([]);
  });

  test('passes on why the enrolment failed', async () => {
    const manager = await createKeyManager({ enroller });
    await expect(create(manager, { dnsNames: ['bank.example'] })).rejects.toMatchObject({
      code: 'ERR_ENROLL_NAME',
    });
  });
});

describe('keys on disk', () => {
  async function stored(): Promise<{ storage: string; id: string; key: string; cert: string }> {
    const storage = temporaryFolder();
    const id = await create(await createKeyManager({ enroller, storage }));
    const folder = join(storage, 'tls_key_store');
    return { storage, id, key: join(folder, 'keys', id), cert: join(folder, 'certs', id) };
  }

  test('are in PKCS #8 PEM, for the owner only, with their chain beside them', async () => {
    const { key, cert } = await stored();
    expect(readFileSync(key, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(readFileSync(cert, 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(statSync(cert).mode & 0o777).toBe(0o644);
  });

  test('are there after a restart', async () => {
    const { storage, id } = await stored();
    const manager = await createKeyManager({ enroller, storage });
    const [leaf = ''] = await manager.certificates(id);
    const signature = await manager.sign(id, digestOf('sha256'), 'SHA-256');
    expect(verify('sha256', MESSAGE, new X509Certificate(leaf).publicKey, signature)).toBe(true);
  });

  test('are not offered without a certificate', async () => {
    const { storage, id, cert } = await stored();
    rmSync(cert);
    const manager = await createKeyManager({ enroller, storage });
    await expect(manager.certificates(id)).rejects.toMatchObject({ code: 'ERR_KEY_STORE' });
    await expect(manager.sign(id, digestOf('sha256'), 'SHA-256')).rejects.toMatchObject({
      code: 'ERR_KEY_STORE',
    });
  });

  test('are not known when only their certificate was written', async () => {
    const { storage, id, key } = await stored();
    rmSync(key);
    const manager = await createKeyManager({ enroller, storage });
    await expect(manager.certificates(id)).rejects.toMatchObject({ code: 'ERR_KEY_UNKNOWN' });
  });

  test.each(['key', 'cert'] as const)(
    'are not used when the %s file was changed',
    async (which) => {
      const one = await stored();
      writeFileSync(one[which], 'garbage');
      const manager = await createKeyManager({ enroller, storage: one.storage });
      await expect(manager.certificates(one.id)).rejects.toMatchObject({ code: 'ERR_KEY_STORE' });
    },
  );

  test('are not used with the certificate of another key', async () => {
    const one = await stored();
    const other = await stored();
    renameSync(other.cert, one.cert);
    const manager = await createKeyManager({ enroller, storage: one.storage });
    await expect(manager.certificates(one.id)).rejects.toMatchObject({ code: 'ERR_KEY_STORE' });
  });

  test('what a killed writer left is removed at start', async () => {
    const { storage, id } = await stored();
    const rest = join(storage, 'tls_key_store', 'keys', `.${id}.0123456789ab.tmp~`);
    writeFileSync(rest, 'half a key');
    await createKeyManager({ enroller, storage });
    expect(existsSync(rest)).toBe(false);
  });
});
