import { createHash, createPublicKey, randomUUID, verify, X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
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
import type { KeyManager } from '../../src/keys/key-manager.ts';
import { createLocalEnroller } from '../../src/keys/local-enroller.ts';
import { openKeyManager } from '../support/key-manager.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ca = createFakeCa();
const enroller = createLocalEnroller({ ca: fakeSigner(ca.key, [ca.certificate]) });
const MESSAGE = new TextEncoder().encode('to be signed');

function config(change: Partial<TlsKeyConfig> = {}): TlsKeyConfig {
  const names = { cn: 'localhost', dnsNames: ['localhost'], ipAddresses: [] };
  return { type: 'sw', alg: 'EC256', ...names, ...change };
}

async function create(manager: KeyManager, change?: Partial<TlsKeyConfig>): Promise<string> {
  return await manager.create(config(change));
}

function digestOf(hash: string): Uint8Array {
  return new Uint8Array(createHash(hash).update(MESSAGE).digest());
}

describe('openKeyManager', () => {
  test.each([
    ['EC256', 'sha256', 'SHA-256'],
    ['EC384', 'sha384', 'SHA-384'],
    ['EC521', 'sha512', 'SHA-512'],
    ['RSA2048', 'sha256', 'SHA-256'],
    ['RSA2048', 'sha512', 'sha512'],
  ] as const)(
    'makes keys of %s that sign digests of %s as TLS wants it',
    async (alg, hash, hashAlg) => {
      const manager = await openKeyManager({ enroller });
      const id = await create(manager, { alg });
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const signature = await manager.sign(id, { content: digestOf(hash), hashAlg });
      const [leaf = ''] = await manager.certificates(id);
      // node:crypto takes DER for ECDSA and PKCS #1 v1.5 for RSA by default.
      expect(verify(hash, MESSAGE, new X509Certificate(leaf).publicKey, signature)).toBe(true);
    },
  );

  test('gives the chain of a key, one certificate per text, leaf first', async () => {
    const manager = await openKeyManager({ enroller });
    const certificates = await manager.certificates(await create(manager));
    expect(certificates).toHaveLength(2);
    for (const pem of certificates) {
      expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    }
    const [leaf, root] = certificates.map((pem) => new X509Certificate(pem));
    expect(leaf?.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
    expect(new Uint8Array(root?.raw ?? [])).toStrictEqual(ca.certificate);
  });

  test('gives an enroller the key, and a report for the nonce that it has', async () => {
    const asked: Uint8Array[] = [];
    const attesting: Enroller = {
      enroll: async (request) => {
        expect(await request.report(Uint8Array.of(4))).toStrictEqual(Uint8Array.of(1, 2, 3));
        const { key, publicKey, keyConfig, renews } = request;
        expect([key.type, keyConfig, renews]).toStrictEqual(['sw', config(), undefined]);
        if (key.type !== 'sw') throw new Error('no software key');
        const spki = createPublicKey(key.privateKey).export({ format: 'der', type: 'spki' });
        expect(new Uint8Array(spki)).toStrictEqual(publicKey);
        return await enroller.enroll(request);
      },
    };
    const report = async (nonce: Uint8Array): Promise<Uint8Array> => {
      asked.push(nonce);
      return Uint8Array.of(1, 2, 3);
    };
    await create(await openKeyManager({ enroller: attesting, report }));
    expect(asked).toStrictEqual([Uint8Array.of(4)]);
  });

  test.each([
    ['SHA-256', 31],
    ['SHA-384', 32],
    ['SHA-1', 20],
    ['MD5', 16],
    ['', 32],
  ])('refuses to sign for %s a digest of %d bytes', async (hashAlg, length) => {
    const manager = await openKeyManager({ enroller });
    const id = await create(manager);
    await expect(
      manager.sign(id, { content: new Uint8Array(length), hashAlg }),
    ).rejects.toMatchObject({
      code: 'ERR_KEY_DIGEST',
    });
  });

  test('refuses a digest that does not fit the curve', async () => {
    const manager = await openKeyManager({ enroller });
    const id = await create(manager);
    await expect(
      manager.sign(id, { content: digestOf('sha384'), hashAlg: 'SHA-384' }),
    ).rejects.toMatchObject({
      code: 'ERR_KEY_DIGEST',
    });
  });

  test.each([randomUUID(), '', '../../../etc/passwd', 'a'.repeat(36)])(
    'knows no key %j',
    async (id) => {
      for (const storage of [undefined, temporaryFolder()]) {
        const manager = await openKeyManager({ enroller, ...(storage ? { storage } : {}) });
        const unknown = { code: 'ERR_KEY_UNKNOWN' };
        await expect(manager.certificates(id)).rejects.toMatchObject(unknown);
        await expect(
          manager.sign(id, { content: digestOf('sha256'), hashAlg: 'SHA-256' }),
        ).rejects.toMatchObject(unknown);
      }
    },
  );

  test('has no keys in a TPM in this version', async () => {
    const manager = await openKeyManager({ enroller });
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
    const manager = await openKeyManager({ enroller: { enroll }, storage });
    await expect(create(manager)).rejects.toMatchObject({ code: 'ERR_ENROLL_RESPONSE' });
    expect(readdirSync(join(storage, 'tls_key_store', 'pending'))).toStrictEqual([]);
    expect(readdirSync(join(storage, 'tls_key_store', 'ready'))).toStrictEqual([]);
  });

  test('passes on why the enrolment failed', async () => {
    const manager = await openKeyManager({ enroller });
    await expect(create(manager, { dnsNames: ['bank.example'] })).rejects.toMatchObject({
      code: 'ERR_ENROLL_NAME',
    });
  });
});

describe('keys on disk', () => {
  interface Stored {
    readonly storage: string;
    readonly id: string;
    readonly folder: string;
    readonly key: string;
    readonly cert: string;
  }

  async function stored(): Promise<Stored> {
    const storage = temporaryFolder();
    const id = await create(await openKeyManager({ enroller, storage }));
    const folder = join(storage, 'tls_key_store', 'ready', id);
    return { storage, id, folder, key: join(folder, 'key.pem'), cert: join(folder, 'chain.pem') };
  }

  /** The same key as other versions keep it. */
  async function storedInTheOldWay(): Promise<Stored> {
    const one = await stored();
    const folder = join(one.storage, 'tls_key_store');
    const [key, cert] = [join(folder, 'keys', one.id), join(folder, 'certs', one.id)];
    for (const name of ['keys', 'certs']) mkdirSync(join(folder, name));
    renameSync(one.key, key);
    renameSync(one.cert, cert);
    rmSync(one.folder, { recursive: true });
    return { ...one, key, cert };
  }

  async function expectUsable({ storage, id }: Stored): Promise<void> {
    const manager = await openKeyManager({ enroller, storage });
    const [leaf = ''] = await manager.certificates(id);
    const signature = await manager.sign(id, { content: digestOf('sha256'), hashAlg: 'SHA-256' });
    expect(verify('sha256', MESSAGE, new X509Certificate(leaf).publicKey, signature)).toBe(true);
    expect(manager.state()).toMatchObject({ keys: 1, pending: 0 });
  }

  test('are in PKCS #8 PEM, for the owner only, with their chain beside them', async () => {
    const { folder, key, cert } = await stored();
    expect(readdirSync(folder).sort()).toStrictEqual(['chain.pem', 'key.pem']);
    expect(readFileSync(key, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(readFileSync(cert, 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(statSync(cert).mode & 0o777).toBe(0o644);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  test('are there after a restart', async () => {
    await expectUsable(await stored());
  });

  test('are read in the layout of other versions', async () => {
    await expectUsable(await storedInTheOldWay());
  });

  test.each([
    ['this version', stored],
    ['other versions', storedInTheOldWay],
  ])('of %s are not offered without a certificate', async (_, make) => {
    const { storage, id, cert } = await make();
    rmSync(cert);
    const manager = await openKeyManager({ enroller, storage });
    await expect(manager.certificates(id)).rejects.toMatchObject({ code: 'ERR_KEY_STORE' });
    await expect(
      manager.sign(id, { content: digestOf('sha256'), hashAlg: 'SHA-256' }),
    ).rejects.toMatchObject({
      code: 'ERR_KEY_STORE',
    });
  });

  test('are not known when there is only their certificate', async () => {
    const { storage, id, key } = await stored();
    rmSync(key);
    const manager = await openKeyManager({ enroller, storage });
    await expect(manager.certificates(id)).rejects.toMatchObject({ code: 'ERR_KEY_UNKNOWN' });
  });

  test.each(['key', 'cert'] as const)(
    'are not used when the %s file was changed',
    async (which) => {
      const one = await stored();
      writeFileSync(one[which], 'garbage');
      const manager = await openKeyManager({ enroller, storage: one.storage });
      await expect(manager.certificates(one.id)).rejects.toMatchObject({ code: 'ERR_KEY_STORE' });
    },
  );

  test('are not used with the certificate of another key', async () => {
    const one = await stored();
    const other = await stored();
    renameSync(other.cert, one.cert);
    const manager = await openKeyManager({ enroller, storage: one.storage });
    await expect(manager.certificates(one.id)).rejects.toMatchObject({ code: 'ERR_KEY_STORE' });
  });

  test('what a killed writer left is removed at start', async () => {
    const { storage, folder } = await stored();
    const rest = join(folder, '.chain.pem.0123456789ab.tmp~');
    writeFileSync(rest, 'half a chain');
    await openKeyManager({ enroller, storage });
    expect(existsSync(rest)).toBe(false);
  });
});
