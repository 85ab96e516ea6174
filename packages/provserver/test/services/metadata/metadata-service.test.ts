import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signPayload } from '@cmc/attestationreport/sign';
import { createFakeCa } from '@cmc/testkit';
import { expect, onTestFinished, test } from 'vitest';
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
  const routes = createMetadataService({ folder, clock: () => time });
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
    await ask(routes, path, { headers });
  const digest = createHash('sha256').update(item).digest('hex');
  return { parent, folder, item, digest, get, pass: (ms: number) => (time += ms) };
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

test('refuses a folder with too many or too large files', async () => {
  const large = await world();
  await writeFile(join(large.folder, 'large'), '');
  await truncate(join(large.folder, 'large'), 16 * 1024 * 1024 + 1);
  await expect(large.get('/metadata/')).rejects.toMatchObject({ code: 'ERR_PROV_CONFIG' });
  const many = await world();
  await Promise.all(
    Array.from({ length: 1024 }, (_, i) => writeFile(join(many.folder, `f${i}`), '')),
  );
  await expect(many.get('/metadata/')).rejects.toMatchObject({ code: 'ERR_PROV_CONFIG' });
});
