import { MAX_CRL_BYTES, parseRevocationList } from '@cmc/attestationreport/snp';
import { silentLogger, toHex } from '@cmc/bytes';
import { createFakeKeySync, flipEachByte } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { createKdsClient, type KdsClientOptions, type KdsResponse } from '../src/index.ts';
import { createFakeAmd, DAY_MS } from './support/fake-amd.ts';
import { NOW } from './support/kds-server.ts';

const amd = await createFakeAmd();
const HOUR_MS = 3_600_000;
const at = (ms: number): Date => new Date(NOW.getTime() + ms);

/** A client of a service whose list can be replaced, at a time that can be moved. */
async function world(list: Uint8Array, options: KdsClientOptions = {}) {
  const asked: string[] = [];
  const warnings: object[] = [];
  const state: { time: Date; answer: KdsResponse } = {
    time: NOW,
    answer: { status: 200, body: list },
  };
  const client = await createKdsClient({
    roots: [amd.root],
    now: () => state.time,
    backoffMs: 1,
    logger: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
    fetch: async ({ pathname }) => {
      asked.push(pathname);
      const isChain = pathname.endsWith('/cert_chain');
      return isChain ? { status: 200, body: new TextEncoder().encode(amd.chain) } : state.answer;
    },
    ...options,
  });
  const serve = (body: Uint8Array): void => {
    state.answer = { status: 200, body };
  };
  const fail = (status: number): void => {
    state.answer = { status, body: new Uint8Array() };
  };
  const later = (ms: number): void => {
    state.time = at(ms);
  };
  const crl = async () => await client.crl('vcek', 'Milan');
  return { client, crl, asked, warnings, serve, fail, later };
}

const list = amd.list(NOW);
const invalid = { code: 'ERR_KDS_INVALID' };

describe('revocation lists', () => {
  test('R52 has the list that the root signed, as verifiers take it', async () => {
    const { client, asked } = await world(list);
    const der = await client.crl('vcek', 'Milan');
    expect(der).toStrictEqual(list);
    expect(parseRevocationList(der).revoked.size).toBe(1);
    expect(asked).toStrictEqual(['/vcek/v1/Milan/cert_chain', '/vcek/v1/Milan/crl']);
  });

  test('gives out a list that revokes the authority itself', async () => {
    const revoking = amd.list(NOW, { revoked: [amd.issuer.serialNumber] });
    const { crl } = await world(revoking);
    expect([...parseRevocationList(await crl()).revoked]).toStrictEqual([
      toHex(amd.issuer.serialNumber),
    ]);
  });

  test('makes one request for many who ask at once, and none for an hour', async () => {
    const { crl, asked, later } = await world(list);
    await Promise.all(Array.from({ length: 20 }, crl));
    later(HOUR_MS - 1);
    await crl();
    expect(asked).toHaveLength(2);
    later(HOUR_MS);
    await crl();
    expect(asked).toHaveLength(3);
  });

  test('asks anew before an hour when the list ends before', async () => {
    const short = amd.list(NOW, { nextUpdate: at(1000) });
    const { crl, asked, later, serve } = await world(short);
    await crl();
    later(1000);
    const next = amd.list(at(1000));
    serve(next);
    expect(await crl()).toStrictEqual(next);
    expect(asked).toHaveLength(3);
  });

  const stranger = createFakeKeySync('RSA4096');
  test.each<[string, Uint8Array]>([
    ['of another root', amd.list(NOW, { issuer: { commonName: 'ARK-Genoa' } })],
    ['of another key under the name of the root', amd.list(NOW, { key: stranger })],
    ['that is over', amd.list(at(-2 * DAY_MS))],
    ['that begins in a day', amd.list(at(DAY_MS))],
    ['that is truncated', list.subarray(0, -1)],
    ['with a byte more', new Uint8Array([...list, 0])],
    ['that is a page of text', new TextEncoder().encode('<html>')],
    ['that is empty', new Uint8Array()],
    ['that is too long', new Uint8Array(MAX_CRL_BYTES + 1)],
  ])('R52 says invalid for a list %s', async (_, body) => {
    const { crl } = await world(body);
    await expect(crl()).rejects.toMatchObject(invalid);
  });

  test('R52 says invalid for a list with any byte changed', async () => {
    const { crl, serve } = await world(list);
    let tried = 0;
    for (const { bytes } of flipEachByte(list)) {
      if (tried++ % 7 !== 0) continue;
      serve(bytes);
      await expect(crl()).rejects.toMatchObject(invalid);
    }
    expect(tried).toBe(list.length);
  });

  test.each([404, 503])('says unavailable when the service answers %i', async (status) => {
    const { crl, fail } = await world(list);
    fail(status);
    await expect(crl()).rejects.toMatchObject({ code: 'ERR_KDS_UNAVAILABLE', status });
  });
});

describe('a list that is known', () => {
  test('holds until its end when the service fails or answers nonsense, with a warning', async () => {
    const { crl, fail, serve, later, warnings } = await world(list);
    await crl();
    later(DAY_MS);
    fail(500);
    expect(await crl()).toStrictEqual(list);
    serve(new Uint8Array());
    expect(await crl()).toStrictEqual(list);
    expect(warnings).toMatchObject([
      { error: { code: 'ERR_KDS_UNAVAILABLE' } },
      { error: { code: 'ERR_KDS_INVALID' } },
    ]);
    later(DAY_MS + 1);
    fail(500);
    await expect(crl()).rejects.toMatchObject({ code: 'ERR_KDS_UNAVAILABLE' });
  });

  test('R35 is not replaced by an older one, which may not have what was revoked since', async () => {
    const { crl, serve, later, warnings } = await world(list);
    await crl();
    later(HOUR_MS);
    const older = amd.list(at(-1000));
    serve(older);
    expect(await crl()).toStrictEqual(list);
    expect(warnings).toMatchObject([{ error: invalid }]);
    const newer = amd.list(at(1000));
    serve(newer);
    expect(await crl()).toStrictEqual(newer);
  });

  test('is one for each kind and product', async () => {
    const { client, asked } = await world(list);
    await client.crl('vcek', 'Milan');
    // The root of the other chain is not that of Milan.
    await expect(client.crl('vcek', 'Genoa')).rejects.toMatchObject(invalid);
    await expect(client.crl('vlek', 'Milan')).rejects.toMatchObject(invalid);
    expect(asked.filter((path) => path.endsWith('/crl'))).toStrictEqual(['/vcek/v1/Milan/crl']);
    await expect(client.crl('vcek', '../x' as 'Milan')).rejects.toThrow(RangeError);
    await expect(client.crl('ask' as 'vcek', 'Milan')).rejects.toThrow(RangeError);
  });
});
