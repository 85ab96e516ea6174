import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  encodeTarEntry,
  type TarEntry,
  type TarEntryType,
  tarPadding,
} from '../../src/rootfs/tar-entry.ts';

interface Vector {
  readonly title: string;
  readonly type: TarEntryType;
  readonly name: string;
  readonly linkName?: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
  readonly capability?: string;
  readonly headerLength: number;
  readonly headerSha256: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/tar-headers.json', import.meta.url), 'utf8'),
) as readonly Vector[];

const toEntry = (vector: Vector): TarEntry => ({
  ...vector,
  name: fromHex(vector.name),
  linkName: fromHex(vector.linkName ?? ''),
  deviceMajor: vector.deviceMajor ?? 0,
  deviceMinor: vector.deviceMinor ?? 0,
  capability: vector.capability === undefined ? undefined : fromHex(vector.capability),
});

describe('encodeTarEntry', () => {
  test.each(vectors)("writes the headers that Go's archive/tar writes: $title", (vector) => {
    const headers = encodeTarEntry(toEntry(vector));
    expect(headers.length).toBe(vector.headerLength);
    expect(createHash('sha256').update(headers).digest('hex')).toBe(vector.headerSha256);
  });

  test('every member of an entry is in its headers', () => {
    for (const vector of vectors) {
      const entry = toEntry(vector);
      for (const changed of [
        { ...entry, type: entry.type === '0' ? '5' : '0' },
        { ...entry, name: Uint8Array.of(...entry.name, 0x78) },
        { ...entry, linkName: Uint8Array.of(...entry.linkName, 0x78) },
        { ...entry, mode: entry.mode ^ 1 },
        { ...entry, uid: entry.uid + 1 },
        { ...entry, gid: entry.gid + 1 },
        { ...entry, size: entry.size + 1 },
        { ...entry, deviceMajor: entry.deviceMajor + 1 },
        { ...entry, deviceMinor: entry.deviceMinor + 1 },
        { ...entry, capability: Uint8Array.of(9, ...(entry.capability ?? [])) },
      ] as const) {
        expect(encodeTarEntry(changed), vector.title).not.toEqual(encodeTarEntry(entry));
      }
    }
  });

  test('device numbers beyond octal are refused', () => {
    const [device] = vectors.filter(({ type }) => type === '4').map(toEntry);
    if (device === undefined) throw new Error('no vector');
    for (const numbers of [{ deviceMajor: 0o10000000 }, { deviceMinor: 0o10000000 }]) {
      expect(() => encodeTarEntry({ ...device, ...numbers })).toThrow(
        expect.objectContaining({ code: 'ERR_ROOTFS_ENTRY' }),
      );
    }
  });
});

test('tarPadding fills the last block', () => {
  for (const [size, padding] of [
    [0, 0],
    [1, 511],
    [511, 1],
    [512, 0],
    [513, 511],
    [2 ** 40 + 1, 511],
  ]) {
    expect(tarPadding(size ?? 0).length).toBe(padding);
  }
});
