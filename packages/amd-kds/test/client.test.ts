import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, toHex } from '@cmc/bytes';
import { createFakeCa, flipEachByte } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createKdsClient,
  type KdsClient,
  type KdsClientOptions,
  type VcekRequest,
} from '../src/index.ts';
import {
  hardwareId,
  type KdsServer,
  NOW,
  startKds,
  vectorCertificate,
} from './support/kds-server.ts';

const MILAN = await vectorCertificate('snp/milan-v2-virtee/vcek.der');
const TURIN = await vectorCertificate('snp/turin-v5-routex/vcek.pem');
const GENOA = await vectorCertificate('snp/genoa-v5-routex/vcek.pem');
const FORGED = await vectorCertificate('snp/milan-v2-trustee-forged-vcek-legacy/vcek.der');

const milan: VcekRequest = {
  product: 'Milan',
  chipId: hardwareId(MILAN),
  tcb: { fmc: 0, bl: 3, tee: 0, snp: 8, ucode: 115 },
};
const MILAN_PATH = `/vcek/v1/Milan/${toHex(milan.chipId)}?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115`;
const turin: VcekRequest = {
  product: 'Turin',
  chipId: hardwareId(TURIN),
  tcb: { fmc: 0, bl: 1, tee: 0, snp: 2, ucode: 71 },
};
const TURIN_PATH = `/vcek/v1/Turin/${toHex(turin.chipId)}?fmcSPL=0&blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=71`;

async function clientOf(server: KdsServer, options: KdsClientOptions = {}): Promise<KdsClient> {
  return await createKdsClient({
    baseUrl: server.baseUrl,
    allowedHosts: server.allowedHosts,
    tlsRoots: server.tlsRoots,
    now: () => NOW,
    backoffMs: 5,
    ...options,
  });
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'amd-kds-'));
  onTestFinished(async () => await rm(path, { recursive: true }));
  return path;
}

describe('certificates of chips', () => {
  test('has the genuine certificate of a Milan chip, with two requests', async () => {
    const server = await startKds({ [MILAN_PATH]: MILAN });
    const certificate = await (await clientOf(server)).vcek(milan);
    expect(certificate.raw).toStrictEqual(MILAN);
    expect(server.requests).toStrictEqual(['/vcek/v1/Milan/cert_chain', MILAN_PATH]);
  });

  test('asks with fmcSPL and eight bytes for Turin, however the chip id is given', async () => {
    const server = await startKds({ [TURIN_PATH]: TURIN });
    const client = await clientOf(server);
    const padded = new Uint8Array(64);
    padded.set(turin.chipId);
    for (const chipId of [turin.chipId, padded]) {
      expect((await client.vcek({ ...turin, chipId })).raw).toStrictEqual(TURIN);
    }
    expect(server.requests).toStrictEqual(['/vcek/v1/Turin/cert_chain', TURIN_PATH]);
  });

  test.each<[string, VcekRequest]>([
    ['a masked chip id', { ...milan, chipId: new Uint8Array(64) }],
    ['a short chip id', { ...milan, chipId: milan.chipId.subarray(1) }],
    ['a Turin chip id with more than eight bytes', { ...turin, chipId: milan.chipId }],
    ['fmc where there is none', { ...milan, tcb: { ...milan.tcb, fmc: 1 } }],
    ['no fmc where there is one', { ...turin, tcb: { ...turin.tcb, fmc: undefined as never } }],
    ['a version of more than a byte', { ...milan, tcb: { ...milan.tcb, ucode: 256 } }],
    ['a product that is a path', { ...milan, product: '../x' as 'Milan' }],
  ])('refuses %s without asking', async (_, request) => {
    const server = await startKds();
    await expect((await clientOf(server)).vcek(request)).rejects.toThrow(RangeError);
    expect(server.requests).toStrictEqual([]);
  });

  test.each<[string, Uint8Array]>([
    ['of another chip and product', GENOA],
    ['that is forged', FORGED],
    ['that is truncated', MILAN.subarray(0, 700)],
    ['with a byte more', new Uint8Array([...MILAN, 0])],
    ['that is text', new TextEncoder().encode('<html>')],
    ['that is empty', new Uint8Array()],
  ])('R52 says invalid, not unavailable, for a certificate %s', async (_, certificate) => {
    const server = await startKds({ [MILAN_PATH]: certificate });
    const cacheDirectory = await folder();
    await expect((await clientOf(server, { cacheDirectory })).vcek(milan)).rejects.toMatchObject({
      code: 'ERR_KDS_INVALID',
    });
    expect((await readdir(cacheDirectory)).filter((name) => name.endsWith('.der'))).toEqual([]);
  });

  test('says invalid for a certificate of the chip for another TCB', async () => {
    const server = await startKds({ [MILAN_PATH.replace('blSPL=3', 'blSPL=4')]: MILAN });
    const request = { ...milan, tcb: { ...milan.tcb, bl: 4 } };
    await expect((await clientOf(server)).vcek(request)).rejects.toMatchObject({
      code: 'ERR_KDS_INVALID',
    });
  });

  test('says invalid for a certificate with any byte changed', async () => {
    let answer = MILAN;
    const chain = await startKds();
    const client = await clientOf(chain);
    await client.chain('vcek', 'Milan');
    chain.answer((_, response) => void response.end(answer));
    const positions = [...flipEachByte(MILAN)].filter((_, index) => index % 29 === 0);
    for (const changed of positions) {
      answer = changed.bytes;
      await expect(client.vcek(milan)).rejects.toMatchObject({ code: 'ERR_KDS_INVALID' });
    }
    expect(positions.length).toBeGreaterThan(40);
  });

  test('says invalid for a certificate that has expired', async () => {
    const server = await startKds({ [MILAN_PATH]: MILAN });
    const client = await clientOf(server, { now: () => new Date('2031-01-01T00:00:00Z') });
    await expect(client.vcek(milan)).rejects.toMatchObject({ code: 'ERR_KDS_INVALID' });
  });
});

describe('authorities', () => {
  test.each(['Milan', 'Genoa', 'Turin'] as const)('has both chains of %s', async (product) => {
    const client = await clientOf(await startKds());
    const subjects = async (kind: 'vcek' | 'vlek'): Promise<readonly string[]> =>
      (await client.chain(kind, product)).map(
        ({ subject }) => /CN=([^,]*)/.exec(subject)?.[1] ?? '',
      );
    expect(await subjects('vcek')).toStrictEqual([`SEV-${product}`, `ARK-${product}`]);
    expect(await subjects('vlek')).toStrictEqual([`SEV-VLEK-${product}`, `ARK-${product}`]);
  });

  test('R52 refuses a chain under a root that is not pinned', async () => {
    const server = await startKds();
    const root = createFakeCa({ commonName: 'ARK-Milan' });
    const issuer = await root.issueCa({ commonName: 'SEV-Milan' });
    const chain = `${issuer.pem}${root.pem}`;
    server.answer((_, response) => void response.end(chain));
    await expect((await clientOf(server)).chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_INVALID',
    });
  });

  test('refuses the chain of the other kind of key', async () => {
    const server = await startKds();
    const { pemChain } = await import('./support/kds-server.ts');
    const vlek = await pemChain('Milan', 'asvk');
    server.answer((_, response) => void response.end(vlek));
    await expect((await clientOf(server)).chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_INVALID',
    });
  });
});

describe('cache', () => {
  test('makes one request for many who ask at once', async () => {
    const server = await startKds({ [MILAN_PATH]: MILAN });
    const client = await clientOf(server);
    const certificates = await Promise.all(Array.from({ length: 20 }, () => client.vcek(milan)));
    expect(certificates).toHaveLength(20);
    expect(server.requests).toHaveLength(2);
  });

  test('answers without the service after a start', async () => {
    const server = await startKds({ [MILAN_PATH]: MILAN });
    const cacheDirectory = await folder();
    await (await clientOf(server, { cacheDirectory })).vcek(milan);
    server.answer((_, response) => void response.writeHead(500).end());
    const again = await clientOf(server, { cacheDirectory });
    expect((await again.vcek(milan)).raw).toStrictEqual(MILAN);
    expect(server.requests).toHaveLength(2);
    expect(await readdir(cacheDirectory)).toStrictEqual(
      [`${toHex(milan.chipId)}_7308000000000003.der`, 'ask_ark_Milan.cert'].sort(),
    );
  });

  test('does not use a file that was changed, and replaces it', async () => {
    const server = await startKds({ [MILAN_PATH]: MILAN });
    const cacheDirectory = await folder();
    await (await clientOf(server, { cacheDirectory })).vcek(milan);
    for (const name of await readdir(cacheDirectory)) {
      const path = join(cacheDirectory, name);
      const content = await readFile(path);
      content[200] = (content[200] ?? 0) ^ 1;
      await writeFile(path, content);
    }
    const again = await clientOf(server, { cacheDirectory });
    expect((await again.vcek(milan)).raw).toStrictEqual(MILAN);
    expect(server.requests).toHaveLength(4);
    const stored = await readFile(
      join(cacheDirectory, `${toHex(milan.chipId)}_7308000000000003.der`),
    );
    expect(equalBytes(stored, MILAN)).toBe(true);
  });

  test('keeps no more than it may', async () => {
    const server = await startKds();
    const cacheDirectory = await folder();
    const client = await clientOf(server, { cacheDirectory, maxCacheEntries: 2 });
    for (const product of ['Milan', 'Genoa', 'Turin'] as const) await client.chain('vcek', product);
    expect((await readdir(cacheDirectory)).sort()).toStrictEqual([
      'ask_ark_Genoa.cert',
      'ask_ark_Turin.cert',
    ]);
  });
});

describe('a service that does not answer well', () => {
  test.each([500, 503, 429])('tries again after %i, and succeeds', async (status) => {
    const server = await startKds();
    server.answer((_, response) => {
      server.answer(undefined);
      response.writeHead(status, { 'retry-after': '0' }).end();
    });
    await (await clientOf(server)).chain('vcek', 'Milan');
    expect(server.requests).toHaveLength(2);
  });

  test('waits as long as the service wants', async () => {
    const server = await startKds();
    server.answer((_, response) => {
      server.answer(undefined);
      response.writeHead(429, { 'retry-after': '1' }).end();
    });
    const start = performance.now();
    await (await clientOf(server)).chain('vcek', 'Milan');
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
  });

  test('does not wait for longer than its deadline, and does not ask others in the pause', async () => {
    const server = await startKds();
    server.answer((_, response) => void response.writeHead(429, { 'retry-after': '300' }).end());
    const client = await clientOf(server);
    const start = performance.now();
    for (const product of ['Milan', 'Genoa'] as const) {
      await expect(client.chain('vcek', product)).rejects.toMatchObject({
        code: 'ERR_KDS_UNAVAILABLE',
        retryAfterMs: expect.any(Number),
      });
    }
    expect(performance.now() - start).toBeLessThan(5000);
    expect(server.requests).toHaveLength(1);
  });

  test('gives up after four attempts, with the status', async () => {
    const server = await startKds();
    server.answer((_, response) => void response.writeHead(500).end());
    await expect((await clientOf(server)).chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_UNAVAILABLE',
      status: 500,
    });
    expect(server.requests).toHaveLength(4);
  });

  test('does not repeat what the service refused', async () => {
    const server = await startKds();
    await expect((await clientOf(server)).vcek(milan)).rejects.toMatchObject({
      code: 'ERR_KDS_UNAVAILABLE',
      status: 404,
    });
    expect(server.requests).toHaveLength(2);
  });

  test('R52 gives up on one that is slow', async () => {
    const server = await startKds();
    server.answer((_, response) => void response.write('-----BEGIN'));
    const start = performance.now();
    await expect(
      (await clientOf(server, { deadlineMs: 300 })).chain('vcek', 'Milan'),
    ).rejects.toMatchObject({ code: 'ERR_KDS_UNAVAILABLE' });
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test('says unavailable when the connection breaks in the middle', async () => {
    const server = await startKds();
    server.answer((_, response) => {
      response.writeHead(200, { 'content-length': '5000' });
      response.write('-----BEGIN', () => response.destroy());
    });
    await expect((await clientOf(server)).chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_UNAVAILABLE',
    });
  });

  test('R52 takes no more bytes than a chain has', async () => {
    const server = await startKds();
    server.answer((_, response) => void response.end(Buffer.alloc(70_000, 'a')));
    await expect((await clientOf(server)).chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_INVALID',
    });
    expect(server.requests).toHaveLength(1);
  });

  test('R52 does not follow a redirection', async () => {
    const server = await startKds();
    server.answer((_, response) => void response.writeHead(302, { location: '/else' }).end());
    await expect((await clientOf(server)).chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_UNAVAILABLE',
      status: 302,
    });
    expect(server.requests).toStrictEqual(['/vcek/v1/Milan/cert_chain']);
  });

  test('R52 does not talk to a server under other roots', async () => {
    const server = await startKds();
    const client = await clientOf(server, { tlsRoots: [createFakeCa().pem] });
    await expect(client.chain('vcek', 'Milan')).rejects.toMatchObject({
      code: 'ERR_KDS_UNAVAILABLE',
    });
    expect(server.requests).toStrictEqual([]);
  });

  test('stops waiting when told so, and the request goes on for others', async () => {
    const server = await startKds({ [MILAN_PATH]: MILAN });
    const client = await clientOf(server);
    const impatient = client.vcek(milan, { signal: AbortSignal.timeout(1) });
    const patient = client.vcek(milan);
    await expect(impatient).rejects.toMatchObject({ name: 'TimeoutError' });
    expect((await patient).raw).toStrictEqual(MILAN);
  });

  test.each([
    'http://kdsintf.amd.com',
    'https://kdsintf.amd.com.evil.example',
    'https://user@kdsintf.amd.com',
    'https://127.0.0.1',
    'nonsense',
  ])('R52 refuses to be a client of %s', async (baseUrl) => {
    await expect(createKdsClient({ baseUrl })).rejects.toThrow(TypeError);
  });
});
