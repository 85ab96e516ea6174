import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKdsClient, type KdsResponse } from '@cmc/amd-kds';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { createFakeCa, createFakeKeySync, encodeFakeCrl, vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { createAmdService } from '../../../src/services/index.ts';
import { ask } from '../request.ts';

const read = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(join(vectorsDir(), path)));
const VCEK = await read('snp/milan-v2-virtee/vcek.der');
const CHAIN = new Uint8Array([
  ...(await read('trust-anchors/amd/milan/ask.pem')),
  ...(await read('trust-anchors/amd/milan/ark.pem')),
]);
const REPORT = await read('snp/milan-v2-virtee/report.bin');
const CHIP = Buffer.from(REPORT.subarray(0x1a0, 0x1e0)).toString('hex');
const TARGET = `/vcek/v1/Milan/${CHIP}?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115`;

/** Authorities like AMD's for Milan, and a list of the root. */
async function createFakeAmd() {
  const made = {
    key: createFakeKeySync('RSA4096'),
    signature: 'PSS-SHA-384',
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2027-01-01T00:00:00Z'),
  } as const;
  const ark = createFakeCa({ commonName: 'ARK-Milan', ...made });
  const ask = await ark.issueCa({ commonName: 'SEV-Milan', ...made });
  const { key, signature } = made;
  const list = encodeFakeCrl({
    issuer: { commonName: 'ARK-Milan' },
    key,
    signature,
    thisUpdate: new Date('2026-01-14T00:00:00Z'),
    nextUpdate: new Date('2026-02-14T00:00:00Z'),
  });
  return { root: parseCertificate(ark.certificate), chain: `${ask.pem}${ark.pem}`, list };
}

async function service(answer: (path: string) => KdsResponse, roots?: readonly Certificate[]) {
  const asked: string[] = [];
  const kds = await createKdsClient({
    now: () => new Date('2026-01-15T00:00:00Z'),
    backoffMs: 1,
    ...(roots === undefined ? {} : { roots }),
    fetch: async (url) => {
      asked.push(url.pathname);
      return answer(url.pathname);
    },
  });
  const routes = createAmdService({ kds });
  return { asked, get: async (target: string) => await ask(routes, target) };
}

const good = (path: string): KdsResponse => ({
  status: 200,
  body: path.endsWith('cert_chain') ? CHAIN : VCEK,
});

test('gives certificate and chain as AMD does, with one request for many', async () => {
  const { asked, get } = await service(good);
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(TARGET)));
  for (const answer of answers) {
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/pkix-cert' },
      body: VCEK,
    });
  }
  expect(await get('/vcek/v1/Milan/cert_chain')).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/x-pem-file' },
  });
  expect(asked).toHaveLength(2);
});

test.each([
  '/vcek/v1/Rome/cert_chain',
  '/vcek/v1/Milan/',
  '/vcek/v1/Milan',
  '/vcek/v1/Milan/abcd?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115',
  `${TARGET}&fmcSPL=0`,
  `${TARGET}&blSPL=4`,
  TARGET.replace('115', '256'),
  TARGET.replace('115', '0x1'),
  TARGET.replace('&snpSPL=8', ''),
  TARGET.replace('Milan', 'Turin'),
  TARGET.replace(CHIP, '0'.repeat(128)),
  `/vlek/v1/Milan/${CHIP}`,
  '/vcek/v1/Milan/cert_chain/x',
])('R54 answers 400 to %s, and does not ask AMD', async (target) => {
  const { asked, get } = await service(good);
  expect((await get(target)).status).toBe(400);
  expect(asked).toStrictEqual([]);
});

test('says 503 with Retry-After when AMD does not answer', async () => {
  const { get } = await service(() => ({ status: 503, retryAfter: '120', body: new Uint8Array() }));
  expect(await get(TARGET)).toMatchObject({ status: 503, headers: { 'retry-after': '120' } });
});

test('says 502 when what AMD answers is wrong', async () => {
  const { get } = await service((path) =>
    path.endsWith('cert_chain') ? good(path) : { status: 200, body: VCEK.subarray(1) },
  );
  const answer = await get(TARGET);
  expect(answer.status).toBe(502);
  expect(answer.headers).not.toHaveProperty('retry-after');
});

test('says 404 when AMD has no such certificate', async () => {
  const { get } = await service((path) =>
    path.endsWith('cert_chain') ? good(path) : { status: 404, body: new Uint8Array() },
  );
  expect((await get(TARGET)).status).toBe(404);
});

test('gives the revocation list of the root as AMD does, and says 502 to one of others', async () => {
  const { root, chain, list } = await createFakeAmd();
  let body = list;
  const { get } = await service(
    (path) => ({
      status: 200,
      body: path.endsWith('cert_chain') ? new TextEncoder().encode(chain) : body,
    }),
    [root],
  );
  expect(await get('/vcek/v1/Milan/crl')).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/pkix-crl' },
    body: list,
  });
  const other = await service((path) =>
    path.endsWith('cert_chain') ? good(path) : { status: 200, body: list },
  );
  expect((await other.get('/vcek/v1/Milan/crl')).status).toBe(502);
  body = new Uint8Array();
  expect(await get('/vcek/v1/Milan/crl')).toMatchObject({ status: 200, body: list });
  expect((await get('/vcek/v1/Milan/crl/x')).status).toBe(400);
  expect((await get('/vcek/v1/Rome/crl')).status).toBe(400);
});

test('says 503 when AMD does not give a revocation list', async () => {
  const { get } = await service((path) =>
    path.endsWith('cert_chain') ? good(path) : { status: 503, body: new Uint8Array() },
  );
  expect(await get('/vcek/v1/Milan/crl')).toMatchObject({
    status: 503,
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
  });
});
