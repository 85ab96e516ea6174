import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createFakeCa } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MAX_ITEM_BYTES } from '../../src/metadata/limits.ts';
import { createMetadataSource, type MetadataLocationsOptions } from '../../src/metadata/source.ts';

type Site = Readonly<Record<string, { readonly type?: string; readonly body: string }>>;
const LISTING = 'text/html; charset=utf-8';

function listing(...names: readonly string[]): { type: string; body: string } {
  const links = names.map((name) => `<a href="${encodeURIComponent(name)}">${name}</a>`);
  return { type: LISTING, body: `<pre>\n${links.join('\n')}\n</pre>\n` };
}

function serve(site: Site): RequestListener {
  return (request, response) => {
    const page = site[decodeURIComponent(request.url ?? '')];
    if (page === undefined) response.writeHead(404).end('no such page');
    else
      response.writeHead(200, { 'content-type': page.type ?? 'application/json' }).end(page.body);
  };
}

async function start(listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function load(
  location: string,
  options: Partial<MetadataLocationsOptions> = {},
): Promise<string[]> {
  const source = await createMetadataSource({ locations: [location], ...options });
  return (await source.load()).map((item) => new TextDecoder().decode(item));
}

describe('metadata over HTTP', () => {
  test('reads a single file', async () => {
    const base = await start(serve({ '/a.json': { body: 'A' } }));
    expect(await load(`${base}/a.json`)).toStrictEqual(['A']);
  });

  test('reads all files of a directory and of those below it', async () => {
    const base = await start(
      serve({
        '/meta/': listing('a b.json', 'sub/'),
        '/meta/a b.json': { body: 'A' },
        '/meta/sub': listing('c.cbor'),
        '/meta/sub/c.cbor': { type: 'application/octet-stream', body: 'C' },
      }),
    );
    expect(await load(`${base}/meta/`)).toStrictEqual(['A', 'C']);
  });

  test('follows the redirection of a directory to its slash', async () => {
    const site = serve({ '/meta/': listing('a'), '/meta/a': { body: 'A' } });
    const base = await start((request, response) => {
      if (request.url === '/meta') response.writeHead(301, { location: '/meta/' }).end();
      else site(request, response);
    });
    expect(await load(`${base}/meta`)).toStrictEqual(['A']);
  });

  test('follows no redirection to another server', async () => {
    const other = await start(serve({ '/x': { body: 'X' } }));
    const base = await start((_, response) => {
      response.writeHead(302, { location: `${other}/x` }).end();
    });
    await expect(load(`${base}/x`)).rejects.toMatchObject({ code: 'ERR_METADATA_FORMAT' });
  });

  test('gives up on a redirection loop', async () => {
    const base = await start(
      (_, response) => void response.writeHead(302, { location: '/x' }).end(),
    );
    await expect(load(`${base}/x`)).rejects.toMatchObject({ code: 'ERR_METADATA_UNAVAILABLE' });
  });

  test('gives up on directories that never end', async () => {
    const base = await start((_, response) => {
      response.writeHead(200, { 'content-type': LISTING }).end(listing('deeper').body);
    });
    await expect(load(base)).rejects.toMatchObject({ code: 'ERR_METADATA_LIMIT' });
  });

  test('gives up on a file that never ends', async () => {
    const chunk = Buffer.alloc(1 << 20);
    let sent = 0;
    const base = await start((_, response) => {
      const more = (): void => {
        while (response.write(chunk)) sent += chunk.length;
        response.once('drain', more);
      };
      more();
    });
    await expect(load(base)).rejects.toMatchObject({ code: 'ERR_METADATA_LIMIT' });
    expect(sent).toBeLessThan(4 * MAX_ITEM_BYTES);
  });

  test.each([
    ['that is missing', 404],
    ['that is forbidden', 403],
    ['with nothing in it', 204],
  ])('is unavailable for a page %s', async (_, status) => {
    const base = await start((_, response) => void response.writeHead(status).end());
    await expect(load(`${base}/x`)).rejects.toMatchObject({ code: 'ERR_METADATA_UNAVAILABLE' });
  });

  test('is unavailable when the server does not answer in time', async () => {
    const base = await start(() => {});
    await expect(load(base, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'ERR_METADATA_UNAVAILABLE',
      message: expect.stringContaining('no answer in time'),
    });
  });

  test('is unavailable when nobody listens or the connection breaks', async () => {
    const base = await start((_, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345', () => response.destroy());
    });
    const code = 'ERR_METADATA_UNAVAILABLE';
    await expect(load(base)).rejects.toMatchObject({ code });
    await expect(load('http://127.0.0.1:1/x')).rejects.toMatchObject({ code });
  });

  test('stops when the caller aborts', async () => {
    const base = await start(() => {});
    const source = await createMetadataSource({ locations: [base] });
    const signal = AbortSignal.timeout(50);
    await expect(source.load({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('metadata over HTTPS', () => {
  async function startSecure(): Promise<{ base: string; root: string }> {
    const ca = createFakeCa();
    const { chainPem, privateKeyPem } = await ca.issue({
      commonName: 'localhost',
      dnsNames: ['localhost'],
      extendedKeyUsage: ['serverAuth'],
    });
    const listener = serve({ '/a.json': { body: 'A' } });
    const server = createHttpsServer({ key: privateKeyPem, cert: chainPem }, listener);
    server.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { base: `https://localhost:${port}`, root: ca.pem };
  }

  test('reads from a server whose chain ends in a configured root', async () => {
    const { base, root } = await startSecure();
    expect(await load(`${base}/a.json`, { roots: [createFakeCa().pem, root] })).toStrictEqual([
      'A',
    ]);
  });

  test.each([
    ['another root', [createFakeCa().pem]],
    ['no root', []],
  ])('trusts no server with %s', async (_, roots) => {
    const { base } = await startSecure();
    await expect(load(`${base}/a.json`, { roots })).rejects.toMatchObject({
      code: 'ERR_METADATA_UNAVAILABLE',
    });
  });

  test('trusts no server of another name', async () => {
    const { base, root } = await startSecure();
    const wrong = base.replace('localhost', '127.0.0.1');
    await expect(load(`${wrong}/a.json`, { roots: [root] })).rejects.toMatchObject({
      code: 'ERR_METADATA_UNAVAILABLE',
    });
  });
});
