import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Serialization } from '@cmc/attestationreport';
import { decodeCbor } from '@cmc/attestationreport/codec';
import { silentLogger } from '@cmc/bytes';
import { createSwDriver, openContainerLog } from '@cmc/driver-sw';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  createRevocationCache,
  FIRST_WAIT_MS,
  REFRESH_MS,
  RETRY_MS,
  type RevocationCache,
} from '../../src/cmc/revocation-cache.ts';
import { createCmc, createMetadataSource, fetchRevocation } from '../../src/index.ts';
import { createWorld, inDays, type World } from '../support/world.ts';

type Answer = (digests: readonly string[], serialization: Serialization) => Promise<Uint8Array>;

/** A server that is asked about manifests, and the requests it got. */
async function startServer(answer: Answer): Promise<{ url: string; requests: unknown[] }> {
  const requests: unknown[] = [];
  const server = createServer(async (request, response) => {
    const body = await readAll(request);
    const type = request.headers['content-type'];
    const isJson = type === 'application/json';
    const decoded = isJson ? JSON.parse(Buffer.from(body).toString()) : decodeCbor(body);
    requests.push([request.method, type, decoded]);
    const digests = isJson ? decoded.requests : decoded.get(1);
    response.end(await answer(digests, isJson ? 'json' : 'cbor'));
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/omsp`, requests };
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

function digestOf(item: Uint8Array): string {
  return createHash('sha256').update(item).digest('hex');
}

/** The signed statement of a server about manifests. */
function statement(world: World, server: () => string, status: string): Answer {
  return async (digests, serialization) =>
    await world.sign(
      {
        type: 'OMSP Response',
        server: server(),
        producedAt: inDays(0),
        responses: digests.map((manifestHash) => ({
          manifestHash,
          status,
          thisUpdate: inDays(-1),
          nextUpdate: inDays(1),
        })),
      },
      serialization,
    );
}

describe('fetchRevocation', () => {
  test.each(['json', 'cbor'] as const)('asks each server once, in %s', async (serialization) => {
    const world = await createWorld();
    const { url, requests } = await startServer(statement(world, () => url, 'good'));
    const items = [
      await world.manifest({ name: 'a', omspServer: url }),
      await world.manifest({ name: 'b', omspServer: url }),
      await world.manifest({ name: 'c' }),
      await world.imageDescription(),
      new TextEncoder().encode('no metadata'),
    ];
    const options = { hashAlg: 'SHA-256', serialization, logger: silentLogger } as const;
    expect(await fetchRevocation(items, options)).toHaveLength(1);
    const digests = items.slice(0, 2).map(digestOf);
    expect(requests).toStrictEqual([
      [
        'POST',
        `application/${serialization}`,
        serialization === 'json'
          ? { arVersion: '3.3.0', requests: digests }
          : new Map<number, unknown>([
              [0, '3.3.0'],
              [1, digests],
            ]),
      ],
    ]);
  });

  test.each<[string, (world: World) => Answer]>([
    ['is no metadata', () => async () => new TextEncoder().encode('hello')],
    ['is metadata of another type', (world) => async () => await world.manifest()],
  ])('leaves out an answer that %s, and says so', async (_, answer) => {
    const world = await createWorld();
    const { url } = await startServer(answer(world));
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, text: string) => void warnings.push(text) };
    const items = [await world.manifest({ omspServer: url })];
    expect(await fetchRevocation(items, { hashAlg: 'SHA-256', logger })).toStrictEqual([]);
    expect(warnings).toHaveLength(1);
  });

  test.each(['http://127.0.0.1:1/omsp', 'file:///etc/passwd', 'nonsense'])(
    'goes on without the server %s',
    async (omspServer) => {
      const items = [await (await createWorld()).manifest({ omspServer })];
      const options = { hashAlg: 'SHA-256', logger: silentLogger } as const;
      expect(await fetchRevocation(items, options)).toStrictEqual([]);
    },
  );

  test('does not wait longer than it may', async () => {
    const { url } = await startServer(async () => await new Promise(() => {}));
    const items = [await (await createWorld()).manifest({ omspServer: url })];
    const options = { hashAlg: 'SHA-256', logger: silentLogger, timeoutMs: 50 } as const;
    expect(await fetchRevocation(items, options)).toStrictEqual([]);
  });
});

describe('createRevocationCache', () => {
  const SET = [Uint8Array.of(1)];
  const OTHER_SET = [Uint8Array.of(2)];
  const ANSWER = [Uint8Array.of(7)];
  const NEWER = [Uint8Array.of(8)];

  function cacheOf(
    fetch: (count: number) => Promise<readonly Uint8Array[]>,
    maxAgeMs = REFRESH_MS,
  ): {
    cache: RevocationCache;
    fetched: (readonly Uint8Array[])[];
    stop: () => void;
  } {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const fetched: (readonly Uint8Array[])[] = [];
    const ending = new AbortController();
    const cache = createRevocationCache({
      fetch: async (items) => {
        fetched.push(items);
        return await fetch(fetched.length);
      },
      signal: ending.signal,
      maxAgeMs,
      now: () => new Date(),
    });
    return { cache, fetched, stop: () => ending.abort() };
  }

  test('fetches before anybody asks, and anew in the background', async () => {
    const { cache, fetched, stop } = cacheOf(async (count) => (count === 1 ? ANSWER : NEWER));
    cache.follow(SET);
    await vi.advanceTimersByTimeAsync(REFRESH_MS - 1);
    expect(fetched).toStrictEqual([SET]);
    expect(await cache.statements(SET)).toBe(ANSWER);
    await vi.advanceTimersByTimeAsync(1);
    expect(fetched).toStrictEqual([SET, SET]);
    expect(await cache.statements(SET)).toBe(NEWER);
    stop();
    await vi.advanceTimersByTimeAsync(10 * REFRESH_MS);
    expect(fetched).toHaveLength(2);
  });

  test('R36 fetches anew at the age limit', async () => {
    const { cache, fetched } = cacheOf(async () => ANSWER, 90_000);
    cache.follow(SET);
    await vi.advanceTimersByTimeAsync(90_000 * 3);
    expect(fetched).toHaveLength(4);
  });

  test('R36 fetches anew before statements expire', async () => {
    const world = await createWorld();
    const { cache, fetched } = cacheOf(async () => {
      const item = await world.sign({
        type: 'OMSP Response',
        responses: [
          {
            manifestHash: 'ab',
            status: 'good',
            thisUpdate: new Date(Date.now() - 1000).toISOString(),
            nextUpdate: new Date(Date.now() + 20 * 60_000).toISOString(),
          },
        ],
      });
      return [item];
    });
    await cache.statements(SET);
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    await expect.poll(() => fetched.length).toBe(2);
  });

  test('keeps what it has when it gets nothing, and tries again after a minute', async () => {
    const { cache, fetched } = cacheOf(async (count) => {
      if (count === 2) throw new Error('broken');
      return count === 1 ? ANSWER : NEWER;
    });
    await cache.statements(SET);
    await vi.advanceTimersByTimeAsync(REFRESH_MS);
    expect(await cache.statements(SET)).toBe(ANSWER);
    expect(fetched).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(await cache.statements(SET)).toBe(NEWER);
  });

  test('nobody waits for another set: what there is goes out until the new is there', async () => {
    const never = new Promise<readonly Uint8Array[]>(() => {});
    const { cache } = cacheOf(async (count) => (count === 1 ? ANSWER : await never));
    await cache.statements(SET);
    expect(await cache.statements(OTHER_SET)).toBe(ANSWER);
  });

  test('a server that never answers delays the first by a second, and nobody after it', async () => {
    const { cache } = cacheOf(async () => await new Promise(() => {}));
    let answered = false;
    const first = cache.statements(SET).then((statements) => {
      answered = true;
      return statements;
    });
    await vi.advanceTimersByTimeAsync(FIRST_WAIT_MS - 1);
    expect(answered).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first).toStrictEqual([]);
    expect(await cache.statements(SET)).toStrictEqual([]);
    expect(await cache.statements(OTHER_SET)).toStrictEqual([]);
  });
});

describe('reports with statements', () => {
  test('R36 statements are fetched anew at the age that createCmc is given', async () => {
    const { roots } = await createWorld();
    let fetched = 0;
    const cmc = await createCmc({
      metadataRoots: roots,
      fetchRevocation: async () => {
        fetched++;
        return [Uint8Array.of(1)];
      },
      revocationMaxAgeMs: 10,
    });
    await expect.poll(() => fetched).toBeGreaterThan(2);
    await cmc[Symbol.asyncDispose]();
  });

  test.each([
    ['good', 'success'],
    ['revoked', 'fail'],
    ['unknown', 'fail'],
  ])('R36 a manifest that is %s gives %s', async (status, verdict) => {
    let url = '';
    const world = await createWorld();
    const server = await startServer(statement(world, () => url, status));
    url = server.url;
    const own = await createWorld({ omspServer: url });
    const containerLog = openContainerLog({ path: `${own.folder}/log` });
    await containerLog.append(own.event);
    const cmc = await createCmc({
      metadataRoots: [...own.roots, ...world.roots],
      measurers: [await createSwDriver({ containerLog })],
      metadata: await createMetadataSource({ locations: [`file://${own.metadataFolder}`] }),
      fetchRevocation: async (items, wait) =>
        await fetchRevocation(items, { hashAlg: 'SHA-256', logger: silentLogger }, wait),
      checkOmsp: true,
    });
    onTestFinished(async () => await cmc[Symbol.asyncDispose]());
    const nonce = new Uint8Array(32);
    const { report } = await cmc.attest({ nonce });
    expect((await cmc.verify({ nonce, report })).result.summary.status).toBe(verdict);
  });
});
