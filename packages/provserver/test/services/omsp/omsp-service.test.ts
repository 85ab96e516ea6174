import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeStruct, encodeCbor, metadataSchema } from '@cmc/attestationreport/codec';
import { verifySigned } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { createFakeCa } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createOmspService, type StoredStatus, writeStatus } from '../../../src/services/index.ts';
import { ask } from '../request.ts';

const URL = 'https://prov.example.org:9000/omsp';
const HASH = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const NOW = new Date('2026-01-01T00:00:00Z');

async function world() {
  const folder = await mkdtemp(join(tmpdir(), 'omsp-'));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const ca = createFakeCa({ notBefore: new Date('2025-01-01'), notAfter: new Date('2030-01-01') });
  const { signer } = await ca.issue({
    notBefore: new Date('2025-01-01'),
    notAfter: new Date('2030-01-01'),
  });
  const route = createOmspService({ url: URL, folder, signer, now: () => NOW });
  const post = async (body: unknown, type: 'json' | 'cbor' = 'json') =>
    await ask([route], '/omsp', {
      method: 'POST',
      headers: { 'content-type': `application/${type}` },
      body: body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body)),
    });
  const verified = async (body: Uint8Array | string) => {
    const item = await verifySigned(body as Uint8Array, {
      trust: { roots: [parseCertificate(ca.certificate)] },
      now: NOW,
    });
    if (!item.ok) throw new Error(item.details);
    return decodeStruct(metadataSchema, item.payload).value;
  };
  return { folder, route, post, verified };
}

const request = (...requests: string[]) => ({ arVersion: '3.3.0', requests });

describe('OMSP', () => {
  test.each(['json', 'cbor'] as const)('R36 signs what the operator says, in %s', async (type) => {
    const { folder, post, verified } = await world();
    const revoked: StoredStatus = {
      status: 'revoked',
      revocationTime: '2025-12-31T00:00:00Z',
      revocationReason: 'broken',
    };
    await writeStatus(folder, HASH, revoked);
    const body =
      type === 'json'
        ? request(HASH, OTHER, HASH)
        : encodeCbor(
            new Map<number, string | readonly string[]>([
              [0, '3.3.0'],
              [1, [HASH, OTHER, HASH]],
            ]),
          );
    const response = await post(body, type);
    expect(response.status).toBe(200);
    expect(response.headers?.['content-type']).toBe(`application/${type}`);
    expect(await verified(response.body)).toMatchObject({
      type: 'OMSP Response',
      server: URL,
      producedAt: '2026-01-01T00:00:00Z',
      responses: [
        {
          manifestHash: HASH,
          thisUpdate: '2026-01-01T00:00:00Z',
          nextUpdate: '2026-01-02T00:00:00Z',
          ...revoked,
        },
        { manifestHash: OTHER, status: 'unknown', thisUpdate: '' },
      ],
    });
  });

  test.each(['good', 'outdated', 'revoked', 'unknown'] as const)('says %s', async (status) => {
    const { folder, post, verified } = await world();
    await writeStatus(folder, HASH, { status });
    const { responses } = await verified((await post(request(HASH))).body);
    expect(responses?.map((one) => one.status)).toStrictEqual([status]);
  });

  test.each([
    ['is no JSON', '{'],
    ['has a status that there is not', '{"status":"fine"}'],
    ['has a time that is none', '{"status":"good","thisUpdate":"yesterday"}'],
    ['has a member twice', '{"status":"revoked","status":"good"}'],
    ['is huge', `{"status":"good","x":"${'x'.repeat(20_000)}"}`],
  ])('R36 says unknown when the file %s', async (_, content) => {
    const { folder, post, verified } = await world();
    await writeFile(join(folder, `${HASH}.json`), content);
    const { responses } = await verified((await post(request(HASH))).body);
    expect(responses?.[0]?.status).toBe('unknown');
  });

  test('R36 does not follow a link out of the folder', async () => {
    const { folder, post, verified } = await world();
    await writeFile(join(folder, 'good'), '{"status":"good"}');
    await symlink(join(folder, 'good'), join(folder, `${HASH}.json`));
    const { responses } = await verified((await post(request(HASH))).body);
    expect(responses?.[0]?.status).toBe('unknown');
  });

  test.each<[string, unknown]>([
    ['another version', { arVersion: '3.2.0', requests: [HASH] }],
    ['no manifest', request()],
    ['too many manifests', request(...Array.from({ length: 257 }, () => HASH))],
    ['a path for a hash', request('../../etc/passwd')],
    ['a short hash', request('abcd')],
    ['no JSON', new TextEncoder().encode('hello')],
    [
      'CBOR that is called JSON',
      encodeCbor(
        new Map<number, string | readonly string[]>([
          [0, '3.3.0'],
          [1, [HASH]],
        ]),
      ),
    ],
    ['nothing', new Uint8Array()],
  ])('R54 answers 400 to %s', async (_, body) => {
    const { post } = await world();
    expect((await post(body)).status).toBe(400);
  });

  test('R54 reads no long bodies, and answers 415 to another type', async () => {
    const { post, route } = await world();
    expect(route.maxBodyBytes).toBe(65_536);
    expect((await post(request(HASH), 'xml' as 'json')).status).toBe(415);
  });
});
