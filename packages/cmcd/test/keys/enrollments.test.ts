import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsKeyConfig } from '@cmc/api';
import { EstError } from '@cmc/est';
import { createFakeCa, fakeSigner } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import type { Enroller, EnrollmentRequest } from '../../src/keys/enroller.ts';
import { createKeyManager, type KeyManager } from '../../src/keys/key-manager.ts';
import { createLocalEnroller } from '../../src/keys/local-enroller.ts';
import { openKeyManager } from '../support/key-manager.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ca = createFakeCa();
const local = createLocalEnroller({ ca: fakeSigner(ca.key, [ca.certificate]) });
const config: TlsKeyConfig = {
  type: 'sw',
  alg: 'EC256',
  cn: 'localhost',
  dnsNames: ['localhost'],
  ipAddresses: [],
};
const other: TlsKeyConfig = { ...config, ipAddresses: ['127.0.0.1'] };
const unavailable = (): EstError => new EstError('ERR_EST_UNAVAILABLE', 'nobody answers');

/** An enroller whose answers wait until the test lets them go. */
class HeldEnroller implements Enroller {
  readonly requests: EnrollmentRequest[] = [];
  readonly #waiting: (() => void)[] = [];
  isHeld = true;
  running = 0;
  mostRunning = 0;

  async enroll(request: EnrollmentRequest): Promise<readonly Uint8Array[]> {
    this.requests.push(request);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    if (this.isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.running--;
    return await local.enroll(request);
  }

  async asked(count: number): Promise<void> {
    await expect.poll(() => this.requests.length).toBe(count);
  }

  release(): void {
    this.isHeld = false;
    for (const go of this.#waiting.splice(0)) go();
  }
}

function publicKeys(requests: readonly EnrollmentRequest[]): Set<string> {
  return new Set(requests.map(({ publicKey }) => Buffer.from(publicKey).toString('hex')));
}

async function spkiOfKey(manager: KeyManager, id: string): Promise<string> {
  const [leaf = ''] = await manager.certificates(id);
  const spki = new X509Certificate(leaf).publicKey.export({ format: 'der', type: 'spki' });
  return spki.toString('hex');
}

describe('an enrolment', () => {
  test('keeps its key in a folder that only the owner can read, until both are there', async () => {
    const storage = temporaryFolder();
    const enroller = new HeldEnroller();
    const manager = await openKeyManager({ enroller, storage });
    const created = manager.create(config);
    await enroller.asked(1);
    const folder = join(storage, 'tls_key_store');
    const [id = ''] = readdirSync(join(folder, 'pending'));
    expect(readdirSync(join(folder, 'pending', id)).sort()).toStrictEqual([
      'key.pem',
      'request.json',
    ]);
    expect(statSync(join(folder, 'pending', id)).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'pending', id, 'key.pem')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'ready'))).toStrictEqual([]);
    const unknown = { code: 'ERR_KEY_UNKNOWN' };
    await expect(manager.certificates(id)).rejects.toMatchObject(unknown);
    await expect(
      manager.sign(id, { content: new Uint8Array(32), hashAlg: 'SHA-256' }),
    ).rejects.toMatchObject(unknown);
    expect(manager.state()).toMatchObject({ keys: 0, pending: 1 });
    enroller.release();
    expect(await created).toBe(id);
    expect(readdirSync(join(folder, 'pending'))).toStrictEqual([]);
    expect(readdirSync(join(folder, 'ready', id)).sort()).toStrictEqual(['chain.pem', 'key.pem']);
    expect(manager.state()).toMatchObject({ keys: 1, pending: 0 });
  });

  test('that the process did not survive goes on with the same key', async () => {
    const storage = temporaryFolder();
    const before = new HeldEnroller();
    const stop = new AbortController();
    const report = async (): Promise<Uint8Array> => new Uint8Array(0);
    const first = await createKeyManager({
      enroller: before,
      storage,
      report,
      signal: stop.signal,
    });
    const lost = first.create(config);
    await before.asked(1);
    const [id = ''] = readdirSync(join(storage, 'tls_key_store', 'pending'));
    // From now on the files are those of the next process; the first never answers.
    const after = new HeldEnroller();
    after.release();
    const second = await openKeyManager({ enroller: after, storage });
    await expect.poll(() => second.state()).toMatchObject({ keys: 1, pending: 0 });
    expect(publicKeys(after.requests)).toStrictEqual(publicKeys(before.requests));
    expect(await spkiOfKey(second, id)).toBe([...publicKeys(before.requests)][0]);
    stop.abort();
    before.release();
    await expect(lost).rejects.toBeDefined();
  });

  test('that the process did not survive is answered to who asks for the same again, once', async () => {
    const storage = temporaryFolder();
    const before = new HeldEnroller();
    const first = await openKeyManager({ enroller: before, storage });
    void first.create(config).catch(() => {});
    await before.asked(1);
    const [id] = readdirSync(join(storage, 'tls_key_store', 'pending'));
    const second = await openKeyManager({ enroller: local, storage });
    await expect.poll(() => second.state()).toMatchObject({ keys: 1, pending: 0 });
    // Not even the next restart changes that.
    const third = await openKeyManager({ enroller: local, storage });
    expect(await third.create(other)).not.toBe(id);
    expect(await third.create(config)).toBe(id);
    expect(await third.create(config)).not.toBe(id);
    const fourth = await openKeyManager({ enroller: local, storage });
    expect(await fourth.create(config)).not.toBe(id);
    expect(fourth.state()).toMatchObject({ keys: 4, pending: 0 });
  });

  test('goes on without the call that began it', async () => {
    const enroller = new HeldEnroller();
    const manager = await openKeyManager({ enroller });
    const hangUp = new AbortController();
    const created = manager.create(config, { signal: hangUp.signal });
    await enroller.asked(1);
    hangUp.abort(new Error('the caller is gone'));
    await expect(created).rejects.toThrow('the caller is gone');
    enroller.release();
    await expect.poll(() => manager.state()).toMatchObject({ keys: 1, pending: 0 });
    await manager.create(config);
    expect(enroller.requests).toHaveLength(1);
  });

  test('that is under way is joined by who asks for the same after the caller is gone', async () => {
    const enroller = new HeldEnroller();
    const manager = await openKeyManager({ enroller });
    const hangUp = new AbortController();
    const created = manager.create(config, { signal: hangUp.signal });
    await enroller.asked(1);
    hangUp.abort();
    await expect(created).rejects.toBeDefined();
    const joined = manager.create(config);
    enroller.release();
    expect(await spkiOfKey(manager, await joined)).toBe([...publicKeys(enroller.requests)][0]);
    expect(enroller.requests).toHaveLength(1);
  });

  test('that failed for now is tried again by itself, with the same key', async () => {
    const requests: EnrollmentRequest[] = [];
    const enroller: Enroller = {
      enroll: async (request) => {
        requests.push(request);
        if (requests.length === 1) throw unavailable();
        return await local.enroll(request);
      },
    };
    const manager = await openKeyManager({ enroller });
    await expect(manager.create(config)).rejects.toMatchObject({ code: 'ERR_EST_UNAVAILABLE' });
    expect(manager.state()).toMatchObject({ keys: 0, pending: 1 });
    await expect
      .poll(() => manager.state(), { timeout: 5_000 })
      .toMatchObject({ keys: 1, pending: 0 });
    expect(requests).toHaveLength(2);
    expect(publicKeys(requests).size).toBe(1);
  });

  test.each([
    ['the server refuses it', new EstError('ERR_EST_UNAUTHORIZED', 'no', { status: 403 })],
    ['the server finds it malformed', new EstError('ERR_EST_REFUSED', 'no', { status: 400 })],
    ['the server is another one', new EstError('ERR_EST_UNTRUSTED', 'no')],
    ['there is no report', new Error('no driver')],
  ])('is over, and the key removed, when %s', async (_, error) => {
    const storage = temporaryFolder();
    const manager = await openKeyManager({
      storage,
      enroller: { enroll: () => Promise.reject(error) },
    });
    await expect(manager.create(config)).rejects.toBe(error);
    expect(manager.state()).toMatchObject({ keys: 0, pending: 0 });
    expect(readdirSync(join(storage, 'tls_key_store', 'pending'))).toStrictEqual([]);
  });

  test.each([
    ['it is busy', new EstError('ERR_EST_REFUSED', 'later', { status: 503 })],
    ['it gets too many requests', new EstError('ERR_EST_REFUSED', 'later', { status: 429 })],
    ['it decides later', new EstError('ERR_EST_PENDING', 'later', { status: 202 })],
  ])('is not over when the server says that %s', async (_, error) => {
    const manager = await openKeyManager({ enroller: { enroll: () => Promise.reject(error) } });
    await expect(manager.create(config)).rejects.toBe(error);
    expect(manager.state()).toMatchObject({ keys: 0, pending: 1 });
  });

  test('of the process before stays when this computer is not ready for it', async () => {
    const storage = temporaryFolder();
    const held = new HeldEnroller();
    const first = await openKeyManager({ enroller: held, storage });
    void first.create(config).catch(() => {});
    await held.asked(1);
    let attempts = 0;
    const failing: Enroller = {
      enroll: async () => {
        attempts++;
        throw new Error('no driver');
      },
    };
    const second = await openKeyManager({ enroller: failing, storage });
    await expect.poll(() => attempts).toBe(1);
    expect(second.state()).toMatchObject({ keys: 0, pending: 1 });
    expect(readdirSync(join(storage, 'tls_key_store', 'pending'))).toHaveLength(1);
  });

  test('ends when the CMC is closed, and its key stays for the next start', async () => {
    const storage = temporaryFolder();
    const stop = new AbortController();
    const enroller: Enroller = {
      enroll: (_, { signal } = {}) =>
        new Promise((__, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
        }),
    };
    const manager = await openKeyManager({ enroller, storage, signal: stop.signal });
    const created = manager.create(config);
    await expect.poll(() => readdirSync(join(storage, 'tls_key_store', 'pending'))).toHaveLength(1);
    setTimeout(() => stop.abort(), 50);
    await expect(created).rejects.toMatchObject({ code: 'ERR_CMCD_CLOSED' });
    expect(readdirSync(join(storage, 'tls_key_store', 'pending'))).toHaveLength(1);
  });
});

describe('enrolments at the same time', () => {
  test('are bounded, each with a key of its own', async () => {
    const enroller = new HeldEnroller();
    const manager = await openKeyManager({ enroller });
    const created = Array.from({ length: 40 }, () => manager.create(config));
    await enroller.asked(8);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(enroller.requests).toHaveLength(8);
    enroller.release();
    expect(new Set(await Promise.all(created)).size).toBe(40);
    expect(publicKeys(enroller.requests).size).toBe(40);
    expect(enroller.mostRunning).toBe(8);
  });

  test('are refused when too many wait, and the others go on', async () => {
    const enroller = new HeldEnroller();
    const manager = await openKeyManager({ enroller });
    const created = Array.from({ length: 8 + 256 }, () => manager.create(config));
    await expect(manager.create(config)).rejects.toMatchObject({ code: 'ERR_KEY_BUSY' });
    enroller.release();
    await Promise.all(created);
    expect(manager.state()).toMatchObject({ keys: 264, pending: 0 });
  });
});

describe('what a killed process left', () => {
  const id = '01234567-89ab-4cde-8f01-23456789abcd';

  async function startWith(files: Readonly<Record<string, string>>): Promise<string> {
    const storage = temporaryFolder();
    const folder = join(storage, 'tls_key_store', 'pending', id);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const manager = await openKeyManager({ enroller: local, storage });
    expect(manager.state()).toMatchObject({ keys: 0, pending: 0 });
    return folder;
  }

  test.each<[string, Readonly<Record<string, string>>]>([
    ['an empty folder', {}],
    ['a key alone', { 'key.pem': 'a key' }],
    ['half a file', { '.key.pem.0123456789ab.tmp~': 'half a key' }],
    ['a request alone', { 'request.json': '{}' }],
    ['a key and half a request', { 'key.pem': 'a key', 'request.json': '{"keyConfig":{"ty' }],
    ['a key and another request', { 'key.pem': 'a key', 'request.json': '{"keyConfig":{}}' }],
  ])('is removed when it is %s', async (_, files) => {
    expect(existsSync(await startWith(files))).toBe(false);
  });

  test('is finished when the chain was written already', async () => {
    const storage = temporaryFolder();
    const held = new HeldEnroller();
    const first = await openKeyManager({ enroller: held, storage });
    void first.create(config).catch(() => {});
    await held.asked(1);
    const pending = join(storage, 'tls_key_store', 'pending');
    const [started = ''] = readdirSync(pending);
    writeFileSync(join(pending, started, 'chain.pem'), 'whatever it is');
    const second = await openKeyManager({ enroller: local, storage });
    await expect.poll(() => second.state()).toMatchObject({ keys: 1, pending: 0 });
    const chain = join(storage, 'tls_key_store', 'ready', started, 'chain.pem');
    expect(readFileSync(chain, 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----/);
  });
});
