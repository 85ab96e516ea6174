import { toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { canonicalizeJson, normalizeOciSpec, specDigest } from '../../src/oci/index.ts';
import { ociVectors } from './vectors.ts';

const links: Readonly<Record<string, string>> = { '/bin/sh': '/usr/bin/dash', '': '.' };
const resolvePath = (path: string): string => links[path] ?? path;

describe('normalizeOciSpec', () => {
  test.each(ociVectors.normalize)(
    'makes $name reproducible as the reference does',
    ({ config, containerId, normalized, sha256 }) => {
      const spec = normalizeOciSpec(config, { containerId, resolvePath });
      expect(canonicalizeJson(spec)).toBe(normalized);
      expect(toHex(specDigest(spec))).toBe(sha256);
    },
  );

  test('gives two starts of one container one hash', () => {
    const [vector] = ociVectors.normalize;
    const { config = '', containerId = '', sha256 } = vector ?? {};
    const otherId = '0'.repeat(12).padEnd(64, 'f');
    const other = config
      .replaceAll(containerId, otherId)
      .replaceAll(containerId.slice(0, 12), otherId.slice(0, 12))
      .replaceAll('a1b2c3d4e5f60718', '0123456789abcdef')
      .replaceAll('abcdef012345', '99b3e86f39be')
      .replaceAll('4711abcd', 'another');
    const spec = normalizeOciSpec(other, { containerId: otherId, resolvePath });
    expect(toHex(specDigest(spec))).toBe(sha256);
  });

  test('refuses an empty container id', () => {
    expect(() => normalizeOciSpec('{}', { containerId: '', resolvePath })).toThrow(RangeError);
  });

  test.each([
    ['nothing', ''],
    ['an array', '[]'],
    ['a configuration without process', '{"ociVersion":"1.0.0"}'],
    ['a duplicate member', '{"process":{},"process":{}}'],
    ['arguments that are no array', '{"process":{"args":"x"}}'],
  ])('refuses %s', (_, config) => {
    expect(() => normalizeOciSpec(config, { containerId: 'x-y-z', resolvePath })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_DECODE_/) }),
    );
  });

  test('passes on that a path cannot be resolved', () => {
    const config = '{"process":{},"hooks":{"prestart":[{"path":"/gone"}]}}';
    const missing = new Error('no such file');
    const resolve = (): string => {
      throw missing;
    };
    expect(() => normalizeOciSpec(config, { containerId: 'id', resolvePath: resolve })).toThrow(
      missing,
    );
  });
});
