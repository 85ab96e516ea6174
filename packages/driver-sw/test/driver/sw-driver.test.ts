import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  verify,
} from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact, Collateral, Evidence } from '@cmc/attestationreport';
import { artifactSchema, decodeReport, encodeStruct } from '@cmc/attestationreport/codec';
import { decodeUtf8, encodeUtf8, toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { createSwDriver, openContainerLog, type SwDriver } from '../../src/index.ts';
import { containerEvent } from '../support/events.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NONCE = new Uint8Array(32).fill(5);

interface Report {
  readonly collateral: Collateral;
  readonly evidence: Evidence;
}

async function report(driver: SwDriver, nonce = NONCE): Promise<Report> {
  const prepared = await driver.prepare();
  const evidences = await prepared.measure(nonce);
  const [collateral] = prepared.collateral;
  const [evidence] = evidences;
  expect([prepared.collateral.length, evidences.length]).toEqual([1, 1]);
  if (collateral === undefined || evidence === undefined) throw new Error('no report');
  return { collateral, evidence };
}

/** What the evidence says, after its signature was verified (by OpenSSL) with the collateral's key. */
function open({ collateral, evidence }: Report): {
  readonly nonce: string;
  readonly sha256: string;
} {
  const text = decodeUtf8(evidence.evidence ?? new Uint8Array());
  const jws = JSON.parse(text) as Record<string, string>;
  expect(Object.keys(jws)).toEqual(['payload', 'protected', 'signature']);
  const fromBase64url = (name: string): Buffer => Buffer.from(jws[name] ?? '', 'base64url');
  expect(fromBase64url('protected').toString()).toBe('{"alg":"ES256"}');
  const key = createPublicKey(decodeUtf8(collateral.key ?? new Uint8Array()));
  const signed = encodeUtf8(`${jws['protected']}.${jws['payload']}`);
  const input = { key, dsaEncoding: 'ieee-p1363' } as const;
  expect(verify('sha256', signed, input, fromBase64url('signature'))).toBe(true);
  const payload = fromBase64url('payload').toString();
  expect(payload).toMatch(/^\{"nonce":"[A-Za-z0-9+/=]+","sha256":"[A-Za-z0-9+/=]+"\}$/);
  return JSON.parse(payload) as { nonce: string; sha256: string };
}

/** The hash chain, written down once more. */
function chain(log: Artifact | undefined): string {
  let link: Uint8Array = new Uint8Array(32);
  for (const { hashes = [] } of log?.events ?? []) {
    link = createHash('sha256')
      .update(link)
      .update(hashes[0]?.content ?? '')
      .digest();
  }
  return Buffer.from(link).toString('base64');
}

describe('evidence', () => {
  test('without a log it is over 32 zero bytes, and there are no artifacts', async () => {
    const folder = await temporaryFolder();
    const driver = await createSwDriver({
      containerLog: openContainerLog({ path: join(folder, 'log') }),
    });
    expect(driver.name).toBe('sw');
    const made = await report(driver);
    expect(made.collateral).toEqual({ type: 'SW Evidence', key: expect.any(Uint8Array) });
    expect(made.evidence.type).toBe('SW Evidence');
    expect(open(made)).toEqual({
      nonce: Buffer.from(NONCE).toString('base64'),
      sha256: Buffer.alloc(32).toString('base64'),
    });
  });

  test('over the log of the reference it has the hash that the reference has', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'log');
    const read = (name: string): Promise<Buffer> => readFile(join(vectorsDir(), 'report', name));
    const collateral = decodeReport(await read('report.json')).report.context.collateral ?? [];
    const [log] = collateral.find(({ type }) => type === 'SW Evidence')?.artifacts ?? [];
    if (log === undefined) throw new Error('the vector has no container log');
    await writeFile(path, encodeStruct(artifactSchema, log, 'json'));
    const made = await report(await createSwDriver({ containerLog: openContainerLog({ path }) }));
    const { swAggregatedHash } = JSON.parse(String(await read('expected-values.json')));
    expect(toHex(Buffer.from(open(made).sha256, 'base64'))).toBe(swAggregatedHash);
    expect(made.collateral.artifacts).toEqual([log]);
  });

  test('50 reports at the same time, with events in between, each agree with themselves', async () => {
    const folder = await temporaryFolder();
    const containerLog = openContainerLog({ path: join(folder, 'log') });
    const driver = await createSwDriver({ containerLog });
    const made = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const nonce = new Uint8Array(32).fill(i);
        if (i % 2 === 0) await containerLog.append(containerEvent(String(i)));
        const prepared = await driver.prepare();
        if (i % 2 === 1) await containerLog.append(containerEvent(String(i)));
        if (i % 10 === 0) await driver.updateCerts();
        const [evidence] = await prepared.measure(nonce);
        const [collateral] = prepared.collateral;
        if (collateral === undefined || evidence === undefined) throw new Error('no report');
        return { nonce, report: { collateral, evidence } };
      }),
    );
    for (const { nonce, report } of made) {
      expect(open(report)).toEqual({
        nonce: Buffer.from(nonce).toString('base64'),
        sha256: chain(report.collateral.artifacts?.[0]),
      });
    }
    const lengths = made.map(({ report }) => report.collateral.artifacts?.[0]?.events?.length ?? 0);
    expect(new Set(lengths).size).toBeGreaterThan(5);
    expect((await containerLog.read())?.events).toHaveLength(50);
    expect(open(await report(driver)).sha256).toBe(chain(await containerLog.read()));
  });

  test('one snapshot gives evidence over several nonces, and does not see later events', async () => {
    const folder = await temporaryFolder();
    const containerLog = openContainerLog({ path: join(folder, 'log') });
    await containerLog.append(containerEvent('a'));
    const driver = await createSwDriver({ containerLog });
    const prepared = await driver.prepare();
    const before = chain(await containerLog.read());
    await containerLog.append(containerEvent('b'));
    for (const byte of [1, 2]) {
      const [evidence] = await prepared.measure(new Uint8Array(20).fill(byte));
      const [collateral] = prepared.collateral;
      if (collateral === undefined || evidence === undefined) throw new Error('no report');
      expect(open({ collateral, evidence })).toEqual({
        nonce: Buffer.alloc(20, byte).toString('base64'),
        sha256: before,
      });
    }
  });

  test('a log that cannot be read fails, and an aborted signal stops it', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'log');
    const driver = await createSwDriver({ containerLog: openContainerLog({ path }) });
    const prepared = await driver.prepare();
    const options = { signal: AbortSignal.abort(new Error('enough')) };
    await expect(driver.prepare(options)).rejects.toThrow('enough');
    await expect(prepared.measure(NONCE, options)).rejects.toThrow('enough');
    await expect(driver.updateCerts(options)).rejects.toThrow('enough');
    await writeFile(path, '{');
    await expect(driver.prepare()).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_CONTAINER_LOG_FORMAT' }),
    );
  });
});

describe('key', () => {
  const setUp = async (): Promise<{
    readonly storage: string;
    readonly file: string;
    create(): Promise<SwDriver>;
  }> => {
    const folder = await temporaryFolder();
    const storage = join(folder, 'not', 'there', 'yet');
    const containerLog = openContainerLog({ path: join(folder, 'log') });
    return {
      storage,
      file: join(storage, 'sw_ak_private.key'),
      create: () => createSwDriver({ storage, containerLog }),
    };
  };
  const keyOf = async (driver: SwDriver): Promise<string> =>
    decodeUtf8((await report(driver)).collateral.key ?? new Uint8Array());
  const publicPem = (key: Parameters<typeof createPublicKey>[0]): string =>
    createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

  test('is made once, PKCS #8 DER with mode 0600, and used again', async () => {
    const { storage, file, create } = await setUp();
    const made = await keyOf(await create());
    expect(await readdir(storage)).toEqual(['sw_ak_private.key']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const key = createPrivateKey({ key: await readFile(file), format: 'der', type: 'pkcs8' });
    expect(publicPem(key)).toBe(made);
    expect(await keyOf(await create())).toBe(made);
  });

  test('ten drivers that start at the same time use the same', async () => {
    const { storage, create } = await setUp();
    const drivers = await Promise.all(Array.from({ length: 10 }, create));
    const keys = await Promise.all(drivers.map(keyOf));
    expect(new Set(keys).size).toBe(1);
    expect(await readdir(storage)).toEqual(['sw_ak_private.key']);
  });

  test('updateCerts makes a new one, in memory and on disk', async () => {
    const { storage, file, create } = await setUp();
    const driver = await create();
    const before = await keyOf(driver);
    await Promise.all([driver.updateCerts(), driver.updateCerts(), driver.updateCerts()]);
    const after = await keyOf(driver);
    expect(after).not.toBe(before);
    expect(open(await report(driver)).nonce).toBe(Buffer.from(NONCE).toString('base64'));
    expect(await keyOf(await create())).toBe(after);
    expect(await readdir(storage)).toEqual(['sw_ak_private.key']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('without storage it lives in memory, and updateCerts replaces it', async () => {
    const folder = await temporaryFolder();
    const driver = await createSwDriver({
      containerLog: openContainerLog({ path: join(folder, 'log') }),
    });
    const before = await keyOf(driver);
    expect(await keyOf(driver)).toBe(before);
    await driver.updateCerts();
    expect(await keyOf(driver)).not.toBe(before);
    expect(await readdir(folder)).toEqual([]);
  });

  test('PEM and SEC 1 are read', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const type of ['pkcs8', 'sec1'] as const) {
      for (const format of ['pem', 'der'] as const) {
        const { storage, file, create } = await setUp();
        await mkdir(storage, { recursive: true });
        await writeFile(
          file,
          privateKey.export({ type, format } as { type: 'sec1'; format: 'der' }),
        );
        expect(await keyOf(await create())).toBe(publicPem(privateKey));
      }
    }
  });

  test('one that cannot be used is refused, and never overwritten', async () => {
    const { privateKey: p384 } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const [bytes, code] of [
      ['', 'ERR_SOFTWARE_KEY_FORMAT'],
      ['garbage', 'ERR_SOFTWARE_KEY_FORMAT'],
      ['A'.repeat(20_000), 'ERR_SOFTWARE_KEY_FORMAT'],
      [p384.export({ type: 'pkcs8', format: 'der' }), 'ERR_SOFTWARE_KEY_UNSUPPORTED'],
      [rsa.export({ type: 'pkcs8', format: 'pem' }), 'ERR_SOFTWARE_KEY_UNSUPPORTED'],
    ] as const) {
      const { storage, file, create } = await setUp();
      await mkdir(storage, { recursive: true });
      await writeFile(file, bytes);
      await expect(create()).rejects.toEqual(expect.objectContaining({ code }));
      expect(await readFile(file)).toEqual(Buffer.from(bytes));
    }
  });
});
