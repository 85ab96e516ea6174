import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { artifactSchema, decodeReport, decodeStruct, encodeStruct } from '../../src/codec/index.ts';
import { canonicalSpec, sortSpec, specDigest } from '../../src/oci/index.ts';
import type { JsonObject } from '../../src/types/report.ts';
import { asJsonObject, ociVectors } from './vectors.ts';

const reports = join(vectorsDir(), 'report');
const expected = JSON.parse(readFileSync(join(reports, 'expected-values.json'), 'utf8'));

describe('specDigest', () => {
  test.each(ociVectors.digest.filter(({ sha256 }) => sha256 !== undefined))(
    'hashes a specification with $name as the reference does',
    ({ spec, sha256 }) => {
      expect(toHex(specDigest(asJsonObject(spec)))).toBe(sha256);
    },
  );

  test.each(ociVectors.digest.filter(({ error }) => error))(
    'refuses a specification with a $name, as the reference does',
    ({ spec }) => {
      expect(() => specDigest(asJsonObject(spec))).toThrow(
        expect.objectContaining({ code: 'ERR_DECODE_TYPE' }),
      );
    },
  );

  test('gives the measured hash for the container of the sample report', () => {
    const { report } = decodeReport(readFileSync(join(reports, 'report.json')));
    const [event] = report.context.collateral?.find(({ key }) => key !== undefined)?.artifacts?.[0]
      ?.events ?? [undefined];
    const spec = event?.ctrData?.ociSpec as JsonObject;
    expect(toHex(specDigest(spec))).toBe(expected.ociMeasuredConfigSha256);
  });

  test('gives the reference hash for the container of the sample manifest', () => {
    const manifest = JSON.parse(readFileSync(join(reports, 'manifest-container.json'), 'utf8'));
    const container = manifest.sbom.components.find((c: { ctrData?: unknown }) => c.ctrData);
    expect(toHex(specDigest(asJsonObject(container.ctrData.ociSpec)))).toBe(
      expected.ociReferenceConfigSha256,
    );
  });

  test('is the same for a specification that went through CBOR', () => {
    for (const { spec, sha256 } of ociVectors.digest) {
      if (sha256 === undefined) continue;
      const event = {
        type: 'application',
        name: 'c',
        ctrData: {
          configSha256: new Uint8Array(32),
          rootfsSha256: new Uint8Array(32),
          ociSpec: asJsonObject(spec),
        },
      };
      const artifact = { type: 'SW Eventlog', index: 0, events: [event] };
      const { value } = decodeStruct(
        artifactSchema,
        encodeStruct(artifactSchema, artifact, 'cbor'),
      );
      expect(toHex(specDigest(value.events?.[0]?.ctrData?.ociSpec as JsonObject))).toBe(sha256);
    }
  });

  test('refuses a member that differs from a known one only in case', () => {
    expect(() => specDigest(asJsonObject({ Process: {} }))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT', path: ['ociSpec'] }),
    );
    expect(() => specDigest(asJsonObject({ process: { ENV: [] } }))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_FORMAT', path: ['ociSpec', 'process'] }),
    );
  });

  test('does not change its argument', () => {
    const { config } = ociVectors.normalize[0] as { config: string };
    const spec = asJsonObject(JSON.parse(config));
    const before = JSON.stringify(spec, (_, v) => (typeof v === 'bigint' ? `${v}` : v));
    canonicalSpec(spec);
    expect(JSON.stringify(spec, (_, v) => (typeof v === 'bigint' ? `${v}` : v))).toBe(before);
  });
});

describe('sortSpec', () => {
  test('sorts nothing twice: a sorted specification stays as it is', () => {
    for (const { normalized } of ociVectors.normalize) {
      const spec = asJsonObject(JSON.parse(normalized));
      expect(sortSpec(spec)).toEqual(spec);
    }
  });

  test('keeps the order of arguments, mount options and hooks', () => {
    const spec = asJsonObject({
      process: { args: ['z', 'a'] },
      mounts: [{ destination: '/', options: ['z', 'a'] }],
      hooks: { poststop: [{ path: 'z' }, { path: 'a' }] },
    });
    expect(sortSpec(spec)).toEqual(spec);
  });
});
