import { encodeUtf8 } from '@cmc/bytes';
import { beforeAll, describe, expect, test } from 'vitest';
import { selectMetadata } from '../src/select-metadata.ts';
import type { Metadata } from '../src/types/metadata.ts';
import { createScene, type Scene } from './support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await createScene('json');
});

const sign = (type: string, name: string, version?: string): Promise<Uint8Array> => {
  const metadata: Metadata = { type, name, ...(version === undefined ? {} : { version }) };
  return scene.sign(metadata);
};

describe('selectMetadata', () => {
  test('keeps the newest version of each manifest, in the order given', async () => {
    const old = await sign('Manifest', 'a', '2026-01-01T00:00:00Z');
    const b = await sign('Manifest', 'b', '2025-01-01T00:00:00Z');
    const newest = await sign('Manifest', 'a', '2026-01-01T00:00:00.000000001Z');
    const middle = await sign('Manifest', 'a', '2026-01-01T01:00:00+01:00');
    expect(selectMetadata([old, b, newest, middle])).toEqual({
      items: [b, newest],
      dropped: [
        { item: old, reason: 'superseded by another Manifest a' },
        { item: middle, reason: 'superseded by another Manifest a' },
      ],
    });
    expect(selectMetadata([newest, b, old]).items).toEqual([newest, b]);
  });

  test('keeps one image description and one company description, whatever their names', async () => {
    const first = await sign('Image Description', 'one', '2026-01-01T00:00:00Z');
    const second = await sign('Image Description', 'two', '2026-01-02T00:00:00Z');
    const company = await sign('Company Description', 'one', '2026-01-01T00:00:00Z');
    expect(selectMetadata([first, company, second]).items).toEqual([company, second]);
  });

  test('keeps manifest descriptions by name', async () => {
    const a = await sign('Manifest Description', 'a', '2026-01-01T00:00:00Z');
    const b = await sign('Manifest Description', 'b', '2026-01-01T00:00:00Z');
    expect(selectMetadata([a, b]).items).toEqual([a, b]);
  });

  test('drops what cannot be read or has no version, and says why', async () => {
    const good = await sign('Manifest', 'a', '2026-01-01T00:00:00Z');
    const bad = [
      new Uint8Array(),
      encodeUtf8('{}'),
      await sign('Manifest', 'b'),
      await sign('Manifest', 'c', '1.0'),
    ];
    const { items, dropped } = selectMetadata([...bad, good]);
    expect(items).toEqual([good]);
    expect(dropped.map(({ item }) => item)).toEqual(bad);
    expect(dropped.at(-1)?.reason).toBe(
      'version of Manifest c: expected an RFC 3339 time, got "1.0"',
    );
  });

  test('reads JSON and CBOR alike, and does not verify signatures', async () => {
    const cbor = await createScene('cbor');
    const metadata: Metadata = { type: 'Manifest', name: 'a', version: '2026-01-02T00:00:00Z' };
    const newer = await cbor.sign(metadata);
    const older = await sign('Manifest', 'a', '2026-01-01T00:00:00Z');
    expect(selectMetadata([older, newer]).items).toEqual([newer]);
  });

  test('selects nothing from nothing', () => {
    expect(selectMetadata([])).toEqual({ items: [], dropped: [] });
  });
});
