import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ItemCollector } from '../../src/metadata/collector.ts';
import { fetchInto } from '../../src/metadata/http.ts';

const ITEMS: Uint8Array[] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
const digestOf = (item: Uint8Array): string => createHash('sha256').update(item).digest('hex');
const ENTRIES = ITEMS.map((item) => ({ digest: digestOf(item), size: item.length, file: 'x' }));

/** What is mirrored from a server with this index, whose items are at their digests. */
async function mirror(
  index: unknown,
  items: readonly Uint8Array[] = ITEMS,
): Promise<readonly Uint8Array[]> {
  const server = createServer((request, response) => {
    if (request.url === '/metadata/') {
      const wanted = request.headers.accept?.includes('application/vnd.cmc.metadata-index+json');
      if (!wanted) response.writeHead(406).end();
      else {
        response.setHeader('content-type', 'application/vnd.cmc.metadata-index+json');
        response.end(JSON.stringify(index));
      }
      return;
    }
    const at = ENTRIES.findIndex(({ digest }) => request.url === `/metadata/${digest}`);
    const item = items[at];
    if (item === undefined) response.writeHead(404).end();
    else response.end(item);
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const collector = new ItemCollector();
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata/`);
  await fetchInto(collector, url, { roots: [] });
  return collector.items;
}

test('mirrors what the index names, by digest', async () => {
  expect(await mirror({ items: ENTRIES })).toStrictEqual(ITEMS);
});

test.each<[string, unknown, Uint8Array[] | undefined, string]>([
  ['an item that is missing', { items: ENTRIES }, ITEMS.slice(0, 1), 'ERR_METADATA_UNAVAILABLE'],
  [
    'an item that was changed',
    { items: ENTRIES },
    [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 6)],
    'ERR_METADATA_FORMAT',
  ],
  [
    'an item that is longer',
    { items: ENTRIES },
    [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)],
    'ERR_METADATA_LIMIT',
  ],
  [
    'a digest that is a path',
    { items: [{ digest: '../x', size: 1 }] },
    undefined,
    'ERR_METADATA_FORMAT',
  ],
  ['an index that is none', { items: 1 }, undefined, 'ERR_METADATA_FORMAT'],
  [
    'too many items',
    { items: Array.from({ length: 1025 }, () => ENTRIES[0]) },
    undefined,
    'ERR_METADATA_LIMIT',
  ],
])('refuses an index with %s', async (_, index, items, code) => {
  await expect(mirror(index, items)).rejects.toMatchObject({ code });
});
