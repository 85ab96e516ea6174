import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createToken, parseToken, type Token } from '../../src/auth/token.ts';
import { auditProblem } from '../../src/store/audit-hash.ts';
import { MAX_AUDIT_TEXT, MAX_NONCES } from '../../src/store/limits.ts';
import { SCHEMA_VERSION } from '../../src/store/migrate.ts';
import { openDatabase } from '../../src/store/open-database.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { IssueOutcome, Store } from '../../src/store/store.ts';
import { DAY_MS, NOW, newCertificate } from '../support/certificates.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('on SQLite', () => {
  contract(async () => `sqlite://${join(temporaryFolder(), 'prov.db')}`);

  test('holds no secret of a token in its files', async () => {
    const folder = temporaryFolder();
    const token = createToken();
    const store = await openStore(`sqlite://${join(folder, 'prov.db')}`);
    await addToken(store, token);
    const files = ['prov.db', 'prov.db-wal'].map((name) => readFileSync(join(folder, name)));
    await store[Symbol.asyncDispose]();
    const [, secret = ''] = token.text.split('.');
    for (const bytes of [...files, readFileSync(join(folder, 'prov.db'))]) {
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(Buffer.from(secret, 'base64url'))).toBe(false);
    }
    const all = Buffer.concat([...files, readFileSync(join(folder, 'prov.db'))]);
    expect(all.includes(token.id)).toBe(true);
  });

  test('cannot be opened where no file can be, nor in a file that is no database', async () => {
    const code = 'ERR_PROV_DATABASE';
    await expect(openStore('sqlite:///nowhere/at/all.db')).rejects.toMatchObject({ code });
    await expect(openStore(`sqlite://${import.meta.filename}`)).rejects.toMatchObject({ code });
  });
});

describe.skipIf(!hasPostgres())('on PostgreSQL', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
  });
  contract(() => postgres.createDatabase());

  test('cannot be opened without a server', async () => {
    const url = 'postgres://prov@127.0.0.1:1/prov';
    await expect(openStore(url)).rejects.toMatchObject({ code: 'ERR_PROV_DATABASE' });
  });
});

test('another kind of database is refused, without showing the password in its URL', async () => {
  const opened = openStore('mysql://user:secret@host/db');
  await expect(opened).rejects.toMatchObject({ code: 'ERR_PROV_CONFIG' });
  await expect(opened).rejects.not.toThrow(/secret/);
});

test('tokens differ, and only texts of their form are tokens', () => {
  const [one, two] = [createToken(), createToken()];
  expect(one.text).not.toBe(two.text);
  expect(parseToken(one.text)).toEqual(one);
  for (const text of ['', '.', one.id, `${one.text}x`, one.text.slice(1), `${one.text} `]) {
    expect(parseToken(text)).toBeUndefined();
  }
});

async function addToken(store: Store, token: Token, allowedNames = ['*']): Promise<void> {
  const { id, secretHash } = token;
  await store.createToken({ id, secretHash, expiresAt: later(DAY_MS), allowedNames }, NOW);
}

/** What every store does, whatever database it is in. */
function contract(newUrl: () => Promise<string>): void {
  async function open(): Promise<Store> {
    return await openAgain(await newUrl());
  }
  async function openAgain(url: string): Promise<Store> {
    const store = await openStore(url);
    onTestFinished(() => store[Symbol.asyncDispose]());
    return store;
  }

  test('a token is good for its holder until it expires', async () => {
    const store = await open();
    const token = createToken();
    await addToken(store, token, ['a.example']);
    const check = (secretHash: Uint8Array, now = NOW): Promise<unknown> =>
      store.checkToken(token.id, secretHash, 'aa', now);
    expect(await check(token.secretHash)).toEqual({
      ok: true,
      allowedNames: ['a.example'],
      spent: false,
    });
    expect(await check(createToken().secretHash)).toEqual({ ok: false, reason: 'unknown' });
    expect(await check(new Uint8Array())).toEqual({ ok: false, reason: 'unknown' });
    expect(await check(token.secretHash, later(DAY_MS))).toEqual({ ok: false, reason: 'expired' });
    expect(await store.checkToken('other', token.secretHash, 'aa', NOW)).toEqual({
      ok: false,
      reason: 'unknown',
    });
  });

  test('a token gives one certificate, and that one again to the same key', async () => {
    const store = await open();
    const token = createToken();
    await addToken(store, token);
    const first = newCertificate({ token: token.id, method: 'token' });
    const { spkiSha256 } = first;
    const issued = await store.issueCertificate(first, NOW);
    expect(issued).toMatchObject({ state: 'issued', record: { serial: first.serial } });

    const retry = newCertificate({ token: token.id, spkiSha256 });
    expect(await store.issueCertificate(retry, later(1))).toEqual({
      ...issued,
      state: 'already-issued',
    });
    const thief = newCertificate({ token: token.id });
    expect(await store.issueCertificate(thief, later(2))).toEqual({
      state: 'refused',
      reason: 'spent',
    });
    expect(await store.checkToken(token.id, token.secretHash, spkiSha256, NOW)).toMatchObject({
      ok: true,
      spent: true,
    });
    expect(await store.checkToken(token.id, token.secretHash, thief.spkiSha256, NOW)).toEqual({
      ok: false,
      reason: 'spent',
    });
    expect(await store.listCertificates({ limit: 10, now: NOW })).toHaveLength(1);
  });

  test('a certificate for an unknown or expired token is not recorded', async () => {
    const store = await open();
    const token = createToken();
    await addToken(store, token);
    const refusals = [
      await store.issueCertificate(newCertificate({ token: 'none' }), NOW),
      await store.issueCertificate(newCertificate({ token: token.id }), later(DAY_MS)),
    ];
    expect(refusals).toEqual([
      { state: 'refused', reason: 'unknown' },
      { state: 'refused', reason: 'expired' },
    ]);
    expect(await store.listCertificates({ limit: 10, now: NOW })).toEqual([]);
  });

  test('a certificate comes back as it was recorded', async () => {
    const store = await open();
    const certificate = newCertificate({ device: 'device-1', names: ['ä', '"', '2001:db8::1'] });
    await store.issueCertificate(certificate, NOW);
    expect(await store.certificate(certificate.serial)).toEqual({ ...certificate, issuedAt: NOW });
    expect(await store.certificate('00')).toBeUndefined();
  });

  test('the current certificate of a key is found while most of its life is left', async () => {
    const store = await open();
    const old = newCertificate();
    const { spkiSha256, subject, names, method } = old;
    const wanted = { spkiSha256, subject, names, method };
    expect(await store.currentCertificate(wanted, NOW)).toBeUndefined();
    await store.issueCertificate(old, NOW);
    expect(await store.currentCertificate(wanted, later(30 * DAY_MS))).toMatchObject({
      serial: old.serial,
    });
    expect(await store.currentCertificate(wanted, later(31 * DAY_MS))).toBeUndefined();
    for (const change of [
      { spkiSha256: 'aa' },
      { subject: 'CN=other' },
      { names: [] },
      { method: 'token' as const },
    ]) {
      expect(await store.currentCertificate({ ...wanted, ...change }, NOW)).toBeUndefined();
    }
    await store.revokeCertificate(old.serial, 'superseded', NOW);
    expect(await store.currentCertificate(wanted, NOW)).toBeUndefined();
  });

  test('lists are pages by state and device', async () => {
    const store = await open();
    const made = Array.from({ length: 5 }, (_, i) =>
      newCertificate({ device: i === 0 ? 'one' : 'other' }),
    );
    for (const each of made) await store.issueCertificate(each, NOW);
    const serials = made.map(({ serial }) => serial);
    await store.revokeCertificate(serials[1] ?? '', 'keyCompromise', NOW);
    const list = async (options: object): Promise<string[]> =>
      (await store.listCertificates({ limit: 10, now: NOW, ...options })).map((c) => c.serial);
    expect(await list({})).toEqual(serials);
    expect(await list({ limit: 2 })).toEqual(serials.slice(0, 2));
    expect(await list({ limit: 2, after: serials[1] })).toEqual(serials.slice(2, 4));
    expect(await list({ state: 'revoked' })).toEqual([serials[1]]);
    expect(await list({ state: 'valid' })).toEqual(serials.filter((_, i) => i !== 1));
    expect(await list({ state: 'expired' })).toEqual([]);
    expect(await list({ state: 'expired', now: later(91 * DAY_MS) })).toEqual(serials);
    expect(await list({ device: 'one' })).toEqual([serials[0]]);
    await expect(list({ limit: 0 })).rejects.toThrow(RangeError);
  });

  test('a certificate is revoked once, and listed in every CRL until it expires', async () => {
    const store = await open();
    const certificate = newCertificate();
    await store.issueCertificate(certificate, NOW);
    expect(await store.nextCrl(NOW)).toEqual({ number: 1n, revoked: [] });
    expect(await store.revokeCertificate(certificate.serial, 'keyCompromise', NOW)).toBe(true);
    expect(await store.revokeCertificate(certificate.serial, 'superseded', NOW)).toBe(false);
    expect(await store.revokeCertificate('00', 'superseded', NOW)).toBe(false);
    const second = await store.nextCrl(NOW);
    expect(second.number).toBe(2n);
    expect(second.revoked).toMatchObject([
      { serial: certificate.serial, revoked: { at: NOW, reason: 'keyCompromise' } },
    ]);
    expect(await store.nextCrl(later(91 * DAY_MS))).toEqual({ number: 3n, revoked: [] });
  });

  test('R49 a device keeps the keys that it came with, also when others come at once', async () => {
    const store = await open();
    const enroll = async (ak: string, ekSha256: string, device = 'device'): Promise<unknown> => {
      const attestationKey = { name: ak, publicKey: Uint8Array.of(1), device, ekSha256 };
      const change = { device, method: 'tpm-activate', attestationKey } as const;
      const outcome = await store.issueCertificate(newCertificate(change), NOW);
      return outcome.state === 'refused' ? outcome.reason : outcome.state;
    };
    const outcomes = await Promise.all([0, 1, 0, 1, 0, 1].map((i) => enroll(`ak${i}`, `ek${i}`)));
    expect(outcomes.toSorted()).toEqual([...Array(3).fill('device'), ...Array(3).fill('issued')]);
    const first = String(outcomes.indexOf('issued') % 2);
    expect(await enroll(`ak${first}`, 'ek')).toBe('device');
    expect(await enroll('ak', `ek${first}`)).toBe('device');
    expect(await enroll(`ak${first}`, `ek${first}`, 'other')).toBe('device');
    expect(await enroll(`ak${first}`, `ek${first}`)).toBe('issued');
    expect(await store.listCertificates({ limit: 10, now: NOW })).toHaveLength(4);
    const actions = (await store.auditTrail({ limit: 100 })).map(({ action }) => action);
    expect(actions.filter((action) => action === 'device-conflict')).toHaveLength(6);
    expect(actions.filter((action) => action === 'device-registered')).toHaveLength(1);
  });

  test('an attestation key is known with its device until that is forgotten', async () => {
    const store = await open();
    const key = { name: '000b', publicKey: Uint8Array.of(1), device: 'd', ekSha256: 'ek' };
    expect(await store.attestationKey('000b')).toBeUndefined();
    await store.issueCertificate(newCertificate({ device: 'd', attestationKey: key }), NOW);
    expect(await store.attestationKey('000b')).toEqual(key);
    expect(await store.forgetDevice('e', NOW)).toBe(false);
    expect(await store.forgetDevice('d', NOW)).toBe(true);
    expect(await store.attestationKey('000b')).toBeUndefined();
    const others = { ...key, name: '000c', ekSha256: 'other' };
    const outcome = await store.issueCertificate(newCertificate({ attestationKey: others }), NOW);
    expect(outcome.state).toBe('issued');
  });

  test('certificates of vendors are found by their subject, and trusted as said last', async () => {
    const store = await open();
    const one = { sha256: 'a', subject: '30', certificate: Uint8Array.of(1), isRoot: false };
    const two = { sha256: 'b', subject: '31', certificate: Uint8Array.of(2), isRoot: true };
    expect(await store.addVendorCertificates([one, two, one], NOW)).toBe(2);
    expect(await store.addVendorCertificates([one, { ...two, isRoot: false }], NOW)).toBe(1);
    expect(await store.vendorCertificates('30')).toEqual([one]);
    expect(await store.vendorCertificates()).toEqual([one, { ...two, isRoot: false }]);
    expect(await store.removeVendorCertificate('a', NOW)).toBe(true);
    expect(await store.removeVendorCertificate('a', NOW)).toBe(false);
    expect(await store.vendorCertificates('30')).toEqual([]);
    const actions = (await store.auditTrail({ limit: 9 })).map(({ action }) => action);
    expect(actions).toEqual([
      ...Array(3).fill('vendor-certificate-added'),
      'vendor-certificate-removed',
    ]);
  });

  test('R47 a nonce of the server counts once, and not after it expired', async () => {
    const store = await open();
    const [nonce, other] = [randomBytes(32), randomBytes(32)];
    expect(await store.createNonce(nonce, later(1000), NOW)).toBe(true);
    expect(await store.checkNonce(nonce, NOW)).toBe(true);
    expect(await store.checkNonce(other, NOW)).toBe(false);
    expect(await store.checkNonce(nonce, later(1000))).toBe(false);
    const issue = (value: Uint8Array, now: Date): Promise<IssueOutcome> =>
      store.issueCertificate(newCertificate({ nonce: value }), now);
    expect(await issue(nonce, later(1000))).toEqual({ state: 'refused', reason: 'nonce' });
    expect(await issue(nonce, NOW)).toMatchObject({ state: 'issued' });
    expect(await issue(nonce, NOW)).toEqual({ state: 'refused', reason: 'nonce' });
    expect(await issue(other, NOW)).toEqual({ state: 'refused', reason: 'nonce' });
    expect(await store.checkNonce(nonce, NOW)).toBe(false);
  });

  test('a nonce that is refused spends no token', async () => {
    const store = await open();
    const token = createToken();
    await addToken(store, token);
    const certificate = newCertificate({ token: token.id, nonce: randomBytes(32) });
    expect(await store.issueCertificate(certificate, NOW)).toMatchObject({ state: 'refused' });
    expect(await store.checkToken(token.id, token.secretHash, 'aa', NOW)).toMatchObject({
      ok: true,
      spent: false,
    });
  });

  test('the audit trail has everything, without a gap, and shows what was changed', async () => {
    const url = await newUrl();
    const store = await openAgain(url);
    const token = createToken();
    await addToken(store, token);
    await store.issueCertificate(newCertificate({ token: token.id }), NOW);
    await store.audit(
      { action: 'test', subject: 'x'.repeat(2000), details: { b: '1', a: '2' } },
      NOW,
    );
    const trail = await store.auditTrail({ limit: 100 });
    expect(trail.map(({ action }) => action)).toEqual([
      'token-created',
      'certificate-issued',
      'test',
    ]);
    expect(trail[2]?.subject).toHaveLength(MAX_AUDIT_TEXT);
    expect(auditProblem(trail)).toBeUndefined();
    expect(await store.auditTrail({ after: 2, limit: 1 })).toEqual([trail[2]]);
    expect(JSON.stringify(trail)).not.toContain(token.text.split('.')[1]);

    const database = await openDatabase(url);
    onTestFinished(() => database.destroy());
    await database
      .updateTable('audit')
      .set({ action: 'nothing' })
      .where('sequence', '=', 2)
      .execute();
    expect(auditProblem(await store.auditTrail({ limit: 100 }))).toMatch(/^entry 2/);
    await database.deleteFrom('audit').where('sequence', '=', 2).execute();
    expect(auditProblem(await store.auditTrail({ limit: 100 }))).toBe('entry 2 is missing');
  });

  test('200 enrolments at once with 100 tokens, on two connections, make 100 certificates', async () => {
    const url = await newUrl();
    const stores = [await openAgain(url), await openAgain(url)];
    const tokens = Array.from({ length: 100 }, createToken);
    for (const token of tokens) await addToken(stores[0] as Store, token);
    const outcomes = await Promise.all(
      [...tokens, ...tokens].map((token, i) =>
        (stores[i % 2] as Store).issueCertificate(newCertificate({ token: token.id }), NOW),
      ),
    );
    expect(outcomes.filter(({ state }) => state === 'issued')).toHaveLength(100);
    expect(outcomes.filter(({ state }) => state === 'refused')).toHaveLength(100);
    const recorded = await stores[0]?.listCertificates({ limit: 1000, now: NOW });
    expect(new Set(recorded?.map(({ token }) => token)).size).toBe(100);
    const trail = (await stores[1]?.auditTrail({ limit: 1000 })) ?? [];
    expect(trail).toHaveLength(300);
    expect(auditProblem(trail)).toBeUndefined();
  });

  test('a database of a newer version is refused', async () => {
    const url = await newUrl();
    await openAgain(url);
    const database = await openDatabase(url);
    onTestFinished(() => database.destroy());
    await database
      .updateTable('head')
      .set({ schema_version: SCHEMA_VERSION + 1 })
      .execute();
    await expect(openStore(url)).rejects.toMatchObject({ code: 'ERR_PROV_DATABASE' });
  });

  test.each([1, 2])('a database of version %i gets what is new', async (old) => {
    const url = await newUrl();
    await openAgain(url);
    const database = await openDatabase(url);
    onTestFinished(() => database.destroy());
    await database.schema.dropTable('vendor_certificates').execute();
    if (old < 2) await database.schema.dropTable('metadata_versions').execute();
    await database.updateTable('head').set({ schema_version: old }).execute();
    const [store] = await Promise.all([openAgain(url), openAgain(url)]);
    const version = { type: 'Manifest', name: 'os', version: '2026-01-02T00:00:00.000000000Z' };
    await store.rememberMetadataVersion(version);
    expect(await store.metadataVersions()).toEqual([version]);
    expect(await store.vendorCertificates()).toEqual([]);
  });

  test('of two versions of metadata the newer one stays, whichever came first', async () => {
    const store = await openAgain(await newUrl());
    const at = (day: number): { type: string; name: string; version: string } => ({
      type: 'Manifest',
      name: 'os',
      version: `2026-01-0${day}T00:00:00.000000000Z`,
    });
    for (const day of [2, 1, 3, 2]) await store.rememberMetadataVersion(at(day));
    await store.rememberMetadataVersion({ ...at(1), name: 'app' });
    expect(new Set(await store.metadataVersions())).toEqual(
      new Set([at(3), { ...at(1), name: 'app' }]),
    );
  });

  test('a nonce is spent once, and not when it has expired', async () => {
    const store = await openAgain(await newUrl());
    const [nonce, other] = [randomBytes(32), randomBytes(32)];
    await store.createNonce(nonce, later(1000), NOW);
    await store.createNonce(other, later(1000), NOW);
    const spent = await Promise.all([store.spendNonce(nonce, NOW), store.spendNonce(nonce, NOW)]);
    expect(spent.sort()).toEqual([false, true]);
    expect(await store.spendNonce(other, later(1000))).toBe(false);
  });

  test('two that open an empty database at once both succeed', async () => {
    const url = await newUrl();
    const stores = await Promise.all([openAgain(url), openAgain(url), openAgain(url)]);
    for (const store of stores) await store.audit({ action: 'opened', subject: '' }, NOW);
    expect(await stores[0]?.auditTrail({ limit: 10 })).toHaveLength(3);
  });

  test('more nonces than the limit are refused until some expire', async () => {
    const url = await newUrl();
    const store = await openAgain(url);
    const database = await openDatabase(url);
    onTestFinished(() => database.destroy());
    const expires_at = later(1000).getTime();
    for (let i = 0; i < MAX_NONCES; i += 1000) {
      const rows = Array.from({ length: 1000 }, (_, j) => ({ nonce: `${i + j}`, expires_at }));
      await database.insertInto('nonces').values(rows).execute();
    }
    expect(await store.createNonce(randomBytes(32), later(1000), NOW)).toBe(false);
    expect(await store.createNonce(randomBytes(32), later(9000), later(1000))).toBe(true);
  });
}
