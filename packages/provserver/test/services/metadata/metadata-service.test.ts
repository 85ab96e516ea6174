import { createHash } from 'node:crypto';
import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signPayload } from '@cmc/attestationreport/sign';
import { silentLogger } from '@cmc/bytes';
import { createFakeCa } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createMetadataService, INDEX_TYPE } from '../../../src/services/index.ts';
import { ask } from '../request.ts';

async function world() {
  const parent = await mkdtemp(join(tmpdir(), 'metadata-'));
  onTestFinished(async () => await rm(parent, { recursive: true }));
  const folder = join(parent, 'metadata');
  await mkdir(folder);
  const { signer } = await createFakeCa().issue();
  const payload = new TextEncoder().encode('{"type":"Manifest","name":"os","version":"2"}');
  const item = await signPayload(payload, [signer], 'json');
  await writeFile(join(folder, 'os.json'), item);
  let time = 0;
  const errors: object[] = [];
  const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
  const routes = createMetadataService({ folder, clock: () => time, logger });
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
    await ask(routes, path, { headers });
  const digest = createHash('sha256').update(item).digest('hex');
  return { parent, folder, item, digest, get, errors, pass: (ms: number) => (time += ms) };
}

test('lists files as the reference reads them, and redirects to the slash', async () => {
  const { get } = await world();
  expect(await get('/metadata')).toMatchObject({
    status: 301,
    headers: { location: '/metadata/' },
  });
  expect(await get('/metadata/')).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<pre>\n<a href="os.json">os.json</a>\n</pre>\n',
  });
});

test('has an index with digests for those who ask', async () => {
  const { get, digest, item } = await world();
  const response = await get('/metadata/', { accept: `${INDEX_TYPE}, text/html` });
  expect(response.headers?.['content-type']).toBe(INDEX_TYPE);
  expect(JSON.parse(String(response.body))).toStrictEqual({
    items: [
      { file: 'os.json', digest, size: item.length, type: 'Manifest', name: 'os', version: '2' },
    ],
  });
});

test('gives a file by name and, immutable, by digest', async () => {
  const { get, digest, item } = await world();
  for (const [name, cache] of [
    ['os.json', 'no-cache'],
    [digest, 'public, max-age=31536000, immutable'],
  ]) {
    const response = await get(`/metadata/${name}`);
    expect(response).toMatchObject({
      status: 200,
      headers: { etag: `"${digest}"`, 'cache-control': cache, 'content-type': 'application/json' },
    });
    expect(response.body).toStrictEqual(item);
    const again = await get(`/metadata/${name}`, { 'if-none-match': `"${digest}"` });
    expect(again.status).toBe(304);
  }
});

test.each([
  '../secret',
  '..%2fsecret',
  '%2e%2e/secret',
  'link',
  'sub',
  'sub/x',
  '.hidden',
  '%',
  '%00',
  'os.json/',
])('does not give what %s leads to', async (name) => {
  const { parent, folder, get } = await world();
  await writeFile(join(parent, 'secret'), 'secret');
  await symlink(join(parent, 'secret'), join(folder, 'link'));
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'sub/x'), 'x');
  await writeFile(join(folder, '.hidden'), 'x');
  expect((await get(`/metadata/${name}`)).status).toBe(404);
});

test('sees new files after a second, whole', async () => {
  const { folder, get, pass } = await world();
  await get('/metadata/');
  await writeFile(join(folder, 'b.cbor'), Uint8Array.of(1, 2));
  expect((await get('/metadata/b.cbor')).status).toBe(404);
  pass(1000);
  expect((await get('/metadata/b.cbor')).body).toStrictEqual(Uint8Array.of(1, 2));
});

describe('a folder that cannot be served whole', () => {
  test.each<[string, (folder: string) => Promise<unknown>, string]>([
    [
      'has a file that is too large',
      async (folder) => {
        await writeFile(join(folder, 'large'), '');
        await truncate(join(folder, 'large'), 16 * 1024 * 1024 + 1);
      },
      'metadata/large has more than 16777216 bytes',
    ],
    [
      'has too many files',
      async (folder) => {
        const names = Array.from({ length: 1024 }, (_, i) => join(folder, `f${i}`));
        await Promise.all(names.map((name) => writeFile(name, '')));
      },
      'metadata: expected at most 1024 files and 67108864 bytes',
    ],
    [
      'has too many bytes',
      async (folder) => {
        for (const name of ['a', 'b', 'c', 'd']) {
          await writeFile(join(folder, name), '');
          await truncate(join(folder, name), 16 * 1024 * 1024);
        }
      },
      'metadata: expected at most 1024 files and 67108864 bytes',
    ],
    ['is gone', (folder) => rm(folder, { recursive: true }), 'cannot read metadata'],
  ])('is 503 and says why when it %s, to clients and once in the log', async (_, spoil, reason) => {
    const { folder, get, pass, errors } = await world();
    await spoil(folder);
    for (const path of ['/metadata/', '/metadata/os.json']) {
      expect(await get(path)).toMatchObject({
        status: 503,
        headers: { 'retry-after': '5' },
        body: expect.stringContaining(reason),
      });
      pass(1000);
    }
    expect(errors).toMatchObject([{ folder, error: { code: 'ERR_PROV_CONFIG' } }]);
  });

  test('is 503 while a file is written, not without that file', async () => {
    const { folder, get, pass } = await world();
    const path = join(folder, 'z.json');
    await writeFile(path, new Uint8Array(8 * 1024 * 1024));
    let stop = false;
    const write = async (): Promise<void> => {
      while (!stop) await appendFile(path, 'x');
    };
    const writing = write();
    const seen = new Set<string>();
    for (let i = 0; i < 200 && !seen.has('503 metadata/z.json is being written\n'); i++) {
      pass(1000);
      const { status, body } = await get('/metadata/', { accept: INDEX_TYPE });
      if (status === 200) {
        expect(JSON.parse(String(body)).items.map(({ file }: { file: string }) => file)).toEqual([
          'os.json',
          'z.json',
        ]);
      }
      seen.add(status === 200 ? '200' : `${status} ${body}`);
    }
    stop = true;
    await writing;
    expect([...seen]).toContain('503 metadata/z.json is being written\n');
    pass(1000);
    expect((await get('/metadata/z.json')).status).toBe(200);
  });

  test('is served again when it is mended, and reported again when it breaks again', async () => {
    const { parent, folder, get, pass, errors } = await world();
    for (const [status, from, to] of [
      [503, folder, join(parent, 'away')],
      [200, join(parent, 'away'), folder],
      [503, folder, join(parent, 'away')],
    ] as const) {
      await rename(from, to);
      pass(1000);
      expect((await get('/metadata/os.json')).status).toBe(status);
    }
    expect(errors).toHaveLength(2);
  });
});
