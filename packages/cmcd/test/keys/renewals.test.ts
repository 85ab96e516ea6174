import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsKeyConfig } from '@cmc/api';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { issueCertificate, parseCsr } from '@cmc/est';
import { createFakeCa, fakeSigner } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { createEstEnroller } from '../../src/index.ts';
import type { Enroller, EnrollmentRequest } from '../../src/keys/enroller.ts';
import type { KeyManager } from '../../src/keys/key-manager.ts';
import { MAX_RENEWALS_PER_CHECK } from '../../src/keys/renewals.ts';
import { attestingCmc } from '../support/attesting-cmc.ts';
import { startEstStandIn } from '../support/est-stand-in.ts';
import { openKeyManager } from '../support/key-manager.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { createWorld } from '../support/world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CHECK_MS = 2;
const config: TlsKeyConfig = {
  type: 'sw',
  alg: 'EC384',
  cn: 'node-7',
  dnsNames: ['node-7.example'],
  ipAddresses: ['192.0.2.7'],
};

/** A computer whose clock the test sets; the clock that nobody sets goes on by itself in `pass`. */
class Time {
  readonly start = Date.now();
  #wall = this.start;
  #monotonic = 0;

  readonly now = (): Date => new Date(this.#wall);
  readonly monotonicMs = (): number => this.#monotonic;

  /** Time passes. */
  pass(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }

  /** Somebody sets the clock. */
  jump(ms: number): void {
    this.#wall += ms;
  }
}

interface Renewing {
  readonly manager: KeyManager;
  readonly time: Time;
  readonly requests: EnrollmentRequest[];
  /** When set, enrolments fail. */
  failure?: Error;
}

/** Keys with certificates of 3 days, by a server whose clock is right. */
async function renewing(options: { storage?: string; server?: Time } = {}): Promise<Renewing> {
  const { storage } = options;
  const time = new Time();
  const ca = createFakeCa();
  const issuer = fakeSigner(ca.key, [ca.certificate]);
  const enroller: Enroller = {
    enroll: async (request) => {
      state.requests.push(request);
      if (state.failure !== undefined) throw state.failure;
      const csr = parseCsr(request.csr);
      const { certificate } = await issueCertificate(
        {
          subject: csr.subjectName.raw,
          publicKey: csr.spki,
          dnsNames: request.keyConfig.dnsNames,
          ipAddresses: request.keyConfig.ipAddresses,
          lifetimeMs: 3 * DAY_MS,
          backdateMs: 0,
        },
        { issuer, now: (options.server ?? time).now() },
      );
      return [certificate, ca.certificate];
    },
  };
  const manager = await openKeyManager({
    enroller,
    now: time.now,
    renewals: { monotonicMs: time.monotonicMs, checkEveryMs: CHECK_MS, random: () => 0.5 },
    ...(storage === undefined ? {} : { storage }),
  });
  const state: Renewing = { manager, time, requests: [] };
  return state;
}

/** Gives a check that is due the time to begin, and whatever it began the time to end. */
async function someChecks(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 40 * CHECK_MS));
}

async function leafOf(manager: KeyManager, id: string): Promise<X509Certificate> {
  const [leaf = ''] = await manager.certificates(id);
  return new X509Certificate(leaf);
}

describe('certificates', () => {
  test('are renewed at 2/3 of their life, for the same key, id and names', async () => {
    const { manager, time, requests } = await renewing();
    const id = await manager.create(config);
    const first = await leafOf(manager, id);
    time.pass(2 * DAY_MS - HOUR_MS);
    await someChecks();
    expect(requests).toHaveLength(1);
    time.pass(2 * HOUR_MS);
    await expect.poll(() => requests.length).toBe(2);
    await expect
      .poll(async () => (await leafOf(manager, id)).serialNumber)
      .not.toBe(first.serialNumber);
    const second = await leafOf(manager, id);
    expect(second.publicKey.equals(first.publicKey)).toBe(true);
    expect([second.subject, second.subjectAltName]).toStrictEqual([
      first.subject,
      first.subjectAltName,
    ]);
    expect(Date.parse(second.validTo)).toBeGreaterThan(Date.parse(first.validTo));
    expect(requests[1]?.renews?.[0]).toStrictEqual(new Uint8Array(first.raw));
    expect(requests[1]?.keyConfig).toStrictEqual(config);
    await someChecks();
    expect(requests).toHaveLength(2);
    expect(manager.state()).toMatchObject({ keys: 1, renewalFailures: 0 });
  });

  test('are renewed after a restart, on disk in one moment', async () => {
    const storage = temporaryFolder();
    const before = await renewing({ storage });
    const id = await before.manager.create(config);
    const { serialNumber } = await leafOf(before.manager, id);
    const after = await renewing({ storage });
    after.time.pass(2 * DAY_MS + 2 * HOUR_MS);
    await expect
      .poll(async () => (await leafOf(after.manager, id)).serialNumber)
      .not.toBe(serialNumber);
    const again = await renewing({ storage });
    expect((await leafOf(again.manager, id)).serialNumber).toBe(
      (await leafOf(after.manager, id)).serialNumber,
    );
  });

  test('of keys in the layout of other versions are renewed where they are', async () => {
    const storage = temporaryFolder();
    const before = await renewing({ storage });
    const id = await before.manager.create(config);
    const { serialNumber } = await leafOf(before.manager, id);
    const folder = join(storage, 'tls_key_store');
    for (const name of ['keys', 'certs']) mkdirSync(join(folder, name));
    renameSync(join(folder, 'ready', id, 'key.pem'), join(folder, 'keys', id));
    renameSync(join(folder, 'ready', id, 'chain.pem'), join(folder, 'certs', id));
    rmSync(join(folder, 'ready', id), { recursive: true });
    const after = await renewing({ storage });
    after.time.pass(2 * DAY_MS + 2 * HOUR_MS);
    await expect
      .poll(async () => (await leafOf(after.manager, id)).serialNumber)
      .not.toBe(serialNumber);
    const stored = new X509Certificate(readFileSync(join(folder, 'certs', id)));
    expect(stored.serialNumber).toBe((await leafOf(after.manager, id)).serialNumber);
    expect(readdirSync(join(folder, 'ready'))).toStrictEqual([]);
  });

  test('that cannot be renewed are tried again, less and less often, and then work again', async () => {
    const renewal = await renewing();
    const { manager, time, requests } = renewal;
    const id = await manager.create(config);
    renewal.failure = new Error('the server is down');
    time.pass(2 * DAY_MS + HOUR_MS);
    await expect.poll(() => manager.state().renewalFailures).toBe(1);
    await someChecks();
    expect(requests).toHaveLength(2);
    // 2 s, 4 s, 8 s, ... and at most an hour between attempts, of that half to all.
    for (let minute = 0; minute < 60; minute++) {
      time.pass(60_000);
      await someChecks();
    }
    const attempts = manager.state().renewalFailures;
    expect(attempts).toBeGreaterThan(4);
    expect(attempts).toBeLessThan(20);
    expect(await manager.certificates(id)).toHaveLength(2);
    delete renewal.failure;
    time.pass(HOUR_MS);
    await expect
      .poll(() => manager.state().firstExpiry)
      .toBeGreaterThan(time.start + 3 * DAY_MS + HOUR_MS);
  });

  test('that expired without being renewed are refused by name, until they are', async () => {
    const renewal = await renewing();
    const { manager, time } = renewal;
    const id = await manager.create(config);
    renewal.failure = new Error('the server is down');
    time.pass(3 * DAY_MS + 1000);
    await expect(manager.certificates(id)).rejects.toMatchObject({
      code: 'ERR_KEY_EXPIRED',
      message: expect.stringContaining(id),
    });
    await expect.poll(() => manager.state().renewalFailures).toBe(1);
    delete renewal.failure;
    time.pass(HOUR_MS);
    await expect.poll(() => manager.certificates(id).catch(() => [])).toHaveLength(2);
  });

  test('that are valid no longer than the old ones are not taken', async () => {
    const server = new Time();
    const { manager, time, requests } = await renewing({ server });
    const id = await manager.create(config);
    const { serialNumber } = await leafOf(manager, id);
    time.pass(2 * DAY_MS + HOUR_MS);
    await expect.poll(() => manager.state().renewalFailures).toBe(1);
    expect(requests).toHaveLength(2);
    expect((await leafOf(manager, id)).serialNumber).toBe(serialNumber);
  });
});

describe('a clock that jumps', () => {
  test('years ahead renews certificates a few at a time', async () => {
    const { manager, time, requests } = await renewing({ server: new Time() });
    const count = 3 * MAX_RENEWALS_PER_CHECK;
    for (let i = 0; i < count; i++) await manager.create(config);
    time.jump(3650 * DAY_MS);
    await expect.poll(() => manager.state().renewalFailures).toBe(count);
    // What the server gives expired long ago, says the clock: each was tried once.
    await someChecks();
    expect(requests).toHaveLength(2 * count);
    time.jump(-3650 * DAY_MS);
    await someChecks();
    expect(requests).toHaveLength(2 * count);
  });

  test('to and fro renews no certificate twice', async () => {
    const { manager, time, requests } = await renewing();
    await manager.create(config);
    for (let i = 0; i < 20; i++) {
      time.jump(2.5 * DAY_MS);
      await someChecks();
      time.jump(-2.5 * DAY_MS);
      await someChecks();
    }
    expect(requests.length).toBeLessThanOrEqual(2);
  });
});

describe('renewals at a server', () => {
  async function renewedAt(tokens?: readonly string[]): Promise<{
    readonly by: readonly string[];
    readonly serials: number;
  }> {
    const world = await createWorld();
    const time = new Time();
    const server = await startEstStandIn({
      roots: world.roots,
      now: time.now,
      ...(tokens === undefined ? {} : { tokens }),
    });
    const { url, roots } = server;
    const cmc = await attestingCmc(world, {
      now: time.now,
      keys: {
        enroller: createEstEnroller({
          url,
          roots,
          now: time.now,
          ...(tokens === undefined ? {} : { token: async () => tokens[0] ?? '' }),
        }),
        renewals: { monotonicMs: time.monotonicMs, checkEveryMs: CHECK_MS, random: () => 0.5 },
      },
    });
    const { keyId } = await cmc.tlsCreate({ keyConfig: config });
    const serials = new Set<string>();
    const remember = async (): Promise<void> => {
      const [leaf] = (await cmc.tlsCert({ keyId })).certificate;
      serials.add(new X509Certificate(leaf ?? '').serialNumber);
    };
    await remember();
    time.pass(17 * HOUR_MS);
    await expect.poll(() => server.issued.length).toBe(2);
    const newest = server.issued[1]?.certificate ?? new Uint8Array();
    const { notAfter } = parseCertificate(newest);
    await expect.poll(() => cmc.tlsKeys()?.firstExpiry).toBe(notAfter.getTime());
    await remember();
    return { by: server.issued.map((each) => each.by), serials: serials.size };
  }

  test('are attested', async () => {
    expect(await renewedAt()).toStrictEqual({ by: ['attestenroll', 'attestenroll'], serials: 2 });
  });

  test('come with the old certificate where the token is spent', async () => {
    expect(await renewedAt(['only.one'])).toStrictEqual({
      by: ['attestenroll', 'simplereenroll'],
      serials: 2,
    });
  });
});
