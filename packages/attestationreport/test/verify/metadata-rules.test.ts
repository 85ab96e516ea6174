import { encodeUtf8 } from '@cmc/bytes';
import { createFakeCa } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeReport, encodeReport } from '../../src/codec/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import { explain } from '../../src/explain.ts';
import { signPayload } from '../../src/sign/index.ts';
import type { Metadata } from '../../src/types/metadata.ts';
import type { MetadataVersionStore, Verification, VerifyOptions } from '../../src/verify/index.ts';
import { MAX_METADATA_ITEMS } from '../../src/verify/index.ts';
import { MAX_FAILED_ITEMS } from '../../src/verify/verify-metadata.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import {
  createScene,
  digestOf,
  goodMetadata,
  imageDescription,
  manifest,
  type ReportChanges,
  type Scene,
} from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await createScene('json');
});

async function refuse(
  report: Uint8Array | ReportChanges,
  changes: Partial<VerifyOptions> = {},
): Promise<Verification> {
  const bytes = report instanceof Uint8Array ? report : await scene.report(report);
  const verification = await scene.verify(bytes, changes);
  expect(verification.ok, explain(verification.result).join(' ')).toBe(false);
  expect(verification.result.summary.errorCodes).toContain(ErrorCode.VerifyMetadata);
  return verification;
}

const changed = (name: string, changes: Partial<Metadata>): Metadata[] =>
  goodMetadata().map((item) => (item.name === name ? { ...item, ...changes } : item));

describe('which metadata counts', () => {
  test('R33 refuses an item that is no signed item', async () => {
    for (const junk of ['', 'junk', '{}', '{"type":"Manifest"}', '[]']) {
      const { result } = await refuse({ metadata: [...goodMetadata(), encodeUtf8(junk)] });
      expect(result.metadata.unknownResults).toHaveLength(1);
      expect(result.metadata.unknownResults?.[0]?.summary.status).toBe('fail');
    }
  });

  test('R33 refuses an item whose payload cannot be read', async () => {
    for (const payload of ['', 'null', '{"type":5}', '{"type":"Manifest","type":"Manifest"}']) {
      const item = await signPayload(encodeUtf8(payload), [scene.signer], 'json');
      const { result } = await refuse({ metadata: [...goodMetadata(), item] });
      expect(result.metadata.unknownResults?.[0]?.summary.errorCodes).toContain(
        ErrorCode.ParseMetadata,
      );
    }
  });

  test('R33 refuses a payload in another serialization than its signature', async () => {
    const payload = Uint8Array.of(0xa1, 0x00, 0x68, ...encodeUtf8('Manifest'));
    const item = await signPayload(payload, [scene.signer], 'json');
    const { result } = await refuse({ metadata: [...goodMetadata(), item] });
    expect(JSON.stringify(result.metadata)).toContain('expected a payload in json, got cbor');
  });

  test('R33 refuses items of an unknown type', async () => {
    for (const type of ['', 'manifest', 'Manifest Description', 'Something']) {
      const { result } = await refuse({
        metadata: [...goodMetadata(), manifest('x', 'x', { type })],
      });
      expect(result.metadata.unknownResults?.[0]?.summary.errorCodes).toEqual([
        ErrorCode.UnknownMetadata,
      ]);
    }
  });

  test('R33 refuses two image descriptions, two company descriptions, two manifests of one name', async () => {
    const names = ['de.test.rtm', 'de.test.os', 'de.test.app'];
    const company = manifest('c', 'c', { type: 'Company Description' });
    for (const extra of [
      [imageDescription(names, { name: 'second' })],
      [company, { ...company, name: 'd' }],
      [manifest('de.test.os', 'de.test.rtm', { description: 'another' })],
      [manifest('DE.TEST.OS', 'de.test.rtm')],
    ]) {
      const { result } = await refuse({ metadata: [...goodMetadata(), ...extra] });
      expect(JSON.stringify(result.metadata)).toContain(`[${ErrorCode.UnknownMetadata}]`);
    }
    const one = await scene.report({ metadata: [...goodMetadata(), company] });
    expect((await scene.verify(one)).ok).toBe(true);
  });

  test('R33 refuses an item that was changed after it was signed, and relies on nothing in it', async () => {
    const [image, rtm, os, app] = await Promise.all(goodMetadata().map((item) => scene.sign(item)));
    const text = new TextDecoder().decode(app);
    const { payload } = JSON.parse(text);
    const evil = Buffer.from(payload, 'base64url').toString().replace('de.test.os', 'de.test.OS');
    const tampered = encodeUtf8(text.replace(payload, Buffer.from(evil).toString('base64url')));
    const metadata = [image, rtm, os, tampered].flatMap((item) => item ?? []);
    const { result, metadata: verified } = await refuse({ metadata });
    expect(verified.size).toBe(3);
    expect(verified.has(digestOf(tampered))).toBe(false);
    expect(result.metadata.manifestResults?.at(-1)).toMatchObject({
      name: 'de.test.app',
      summary: { status: 'fail' },
      signatureValidation: [
        { signatureVerification: { status: 'fail', errorCodes: [ErrorCode.VerifySignature] } },
      ],
    });
    expect(result.measurements?.[0]?.artifacts?.[0]?.type).toBe('Measurement');
    expect(explain(result).slice(0, 2)).toEqual([
      'The report of host.test is refused.',
      expect.stringMatching(/^The signature of Manifest de\.test\.app: .* \(error 64\)\.$/),
    ]);
  });

  test('R33 refuses metadata signed below another root', async () => {
    const other = createFakeCa({ commonName: 'Metadata Root' });
    const roots = [parseCertificate(other.certificate)];
    const { result, metadata } = await refuse({}, { metadataRoots: roots });
    expect(metadata.size).toBe(0);
    expect(
      result.metadata.manifestResults?.[0]?.signatureValidation?.[0]?.certChainValidation,
    ).toMatchObject({ status: 'fail', errorCodes: [ErrorCode.VerifyCertChain] });
    expect(
      (await scene.verify(await scene.report(), { metadataRoots: [...roots, ...scene.roots] })).ok,
    ).toBe(true);
  });

  test('R33 recomputes digests: refuses an item under the digest of another', async () => {
    const bytes = await scene.report();
    const { report } = decodeReport(bytes);
    const [digest = '', ...others] = report.context.digests ?? [];
    const metadata = new Map(report.context.metadata);
    metadata.set(digest, metadata.get(others[0] ?? '') ?? new Uint8Array());
    const swapped = encodeReport({ ...report, context: { ...report.context, metadata } }, 'json');
    const { result } = await refuse(swapped);
    expect(explain(result)[1]).toMatch(/^Metadata item [0-9a-f]{64} has the SHA-256 digest/);
  });

  test('R37 recomputes digests of cached items, and verifies them again', async () => {
    const { metadata } = await scene.verify(await scene.report());
    const small = await scene.report({ cached: [...metadata.keys()] });
    const [first = '', second = ''] = metadata.keys();
    const wrong = new Map(metadata).set(first, metadata.get(second) ?? new Uint8Array());
    await refuse(small, { cachedMetadata: wrong });
    await refuse(small, { cachedMetadata: new Map() });
    const other = createFakeCa();
    const metadataRoots = [parseCertificate(other.certificate)];
    await refuse(small, { cachedMetadata: metadata, metadataRoots });
    await refuse(small, { cachedMetadata: metadata, now: new Date('2027-06-01') });
  });

  test('R33 refuses more items than any platform needs, without verifying them', async () => {
    const { report } = decodeReport(await scene.report());
    const digests = Array.from({ length: MAX_METADATA_ITEMS + 1 }, (_, i) => `${i}`);
    const many = encodeReport({ ...report, context: { ...report.context, digests } }, 'json');
    const { result } = await refuse(many);
    expect(explain(result)[1]).toBe(
      'The signed metadata does not verify: expected at most 256 metadata items, got 257 (error 61).',
    );
  });

  test('R33 looks at a few bad items only, however many there are', async () => {
    const { signer } = await createFakeCa().issue();
    const bad = await Promise.all(
      Array.from({ length: 50 }, (_, i) => scene.sign(manifest(`m${i}`, 'x'), [signer])),
    );
    const { result } = await refuse({ metadata: bad });
    expect(result.metadata.manifestResults).toHaveLength(MAX_FAILED_ITEMS);
  });

  test('R33 compares nothing that nobody vouches for', async () => {
    const { signer } = await createFakeCa().issue();
    const stray = await scene.sign(manifest('stray', 'nothing'), [signer]);
    const { result } = await refuse({ metadata: [...goodMetadata(), stray] });
    expect(result.metadata.compatibilityResult).toEqual({ result: { status: '' } });
    expect(result.metadata.manifestResults?.map(({ name }) => name)).toEqual([
      'de.test.rtm',
      'de.test.os',
      'de.test.app',
      'stray',
    ]);
  });

  test('R33 refuses a report without metadata', async () => {
    const { result } = await refuse({ metadata: [] });
    expect(result.metadata.compatibilityResult.result.errorCodes).toEqual([
      ErrorCode.ImageDescriptionNotPresent,
      ErrorCode.NoRootManifest,
    ]);
    expect(result.metadata.manifestResults).toBeNull();
  });
});

describe('when metadata is valid', () => {
  test('R35 refuses metadata without a validity', async () => {
    const { validity: _, ...timeless } = goodMetadata()[1] ?? { type: '' };
    const metadata = goodMetadata().map((item) => (item.name === timeless.name ? timeless : item));
    const { result } = await refuse({ metadata });
    expect(result.metadata.manifestResults?.at(-1)).toMatchObject({
      name: 'de.test.rtm',
      summary: { status: 'fail', errorCodes: [ErrorCode.NotPresent] },
      validityCheck: { status: '' },
    });
  });

  test.each([
    ['has expired', '2026-05-01T00:00:00Z', '2026-06-01T11:59:59.999Z', ErrorCode.Expired],
    ['is not valid yet', '2026-06-01T12:01:00.001Z', '2027-01-01T00:00:00Z', ErrorCode.NotYetValid],
    ['has no readable time', 'soon', '2027-01-01T00:00:00Z', ErrorCode.ParseTime],
  ])('R35 refuses metadata that %s', async (_, notBefore, notAfter, code) => {
    for (const name of ['de.test.image', 'de.test.rtm', 'de.test.app']) {
      const metadata = changed(name, { validity: { notBefore, notAfter } });
      const { result } = await refuse({ metadata });
      expect(JSON.stringify(result.metadata)).toContain(`"errorCodes":[${code}]`);
    }
  });

  test('R37 looks at the validity of certificates again, though the signatures are known', async () => {
    const validity = { notBefore: '2026-05-01T00:00:00Z', notAfter: '2030-01-01T00:00:00Z' };
    const metadata = goodMetadata().map((item) => ({ ...item, validity }));
    const report = await scene.report({ metadata });
    for (let i = 0; i < 2; i++) expect((await scene.verify(report)).ok).toBe(true);
    for (const now of ['2025-12-31T00:00:00Z', '2027-01-01T00:00:01Z']) {
      const { result } = await refuse(report, { now: new Date(now) });
      expect(
        result.metadata.manifestResults?.[0]?.signatureValidation?.[0]?.certChainValidation,
      ).toMatchObject({ status: 'fail', errorCodes: [ErrorCode.VerifyCertChain] });
    }
    expect((await scene.verify(report)).ok).toBe(true);
  });

  test('R35 notes when metadata is accepted within the leeway', async () => {
    const validity = { notBefore: '2026-06-01T12:00:59Z', notAfter: '2027-01-01T00:00:00Z' };
    const report = await scene.report({ metadata: changed('de.test.rtm', { validity }) });
    const { ok, result } = await scene.verify(report);
    expect(ok).toBe(true);
    expect(explain(result)[1]).toMatch(/^The validity of Manifest de\.test\.rtm: .*leeway of 60 s/);
  });
});

describe('which version of metadata counts', () => {
  function createStore(): MetadataVersionStore & { readonly seen: Map<string, string> } {
    const seen = new Map<string, string>();
    return {
      seen,
      lastSeen: (type, name) => seen.get(`${type}/${name}`),
      remember: (type, name, version) => void seen.set(`${type}/${name}`, version),
    };
  }

  test('R35 refuses metadata older than what was accepted before', async () => {
    const metadataVersions = createStore();
    const old = await scene.report();
    const version = '2026-05-02T00:00:00Z';
    const newer = await scene.report({ metadata: changed('de.test.os', { version }) });
    expect((await scene.verify(old, { metadataVersions })).ok).toBe(true);
    expect((await scene.verify(newer, { metadataVersions })).ok).toBe(true);
    expect((await scene.verify(newer, { metadataVersions })).ok).toBe(true);
    expect(metadataVersions.seen.get('Manifest/de.test.os')).toBe(version);
    const { result } = await refuse(old, { metadataVersions });
    expect(explain(result)[1]).toBe(
      'Manifest de.test.os: version 2026-05-01T00:00:00Z is older than version 2026-05-02T00:00:00Z, which was accepted before (error 88).',
    );
    expect((await scene.verify(old)).ok).toBe(true);
  });

  test('R35 also when the old metadata comes from the cache', async () => {
    const metadataVersions = createStore();
    const { metadata } = await scene.verify(await scene.report());
    metadataVersions.seen.set('Image Description/de.test.image', '2026-05-03T00:00:00Z');
    const small = await scene.report({ cached: [...metadata.keys()] });
    await refuse(small, { cachedMetadata: metadata, metadataVersions });
  });

  test('R35 remembers nothing of a report that is refused', async () => {
    const metadataVersions = createStore();
    const report = await scene.report();
    const wrong = new Uint8Array(32);
    expect((await scene.verify(report, { metadataVersions, nonce: wrong })).ok).toBe(false);
    expect(metadataVersions.seen.size).toBe(0);
    expect((await scene.verify(report, { metadataVersions })).ok).toBe(true);
    expect([...metadataVersions.seen.keys()].sort()).toEqual([
      'Image Description/de.test.image',
      'Manifest/de.test.app',
      'Manifest/de.test.os',
      'Manifest/de.test.rtm',
    ]);
  });

  test('R35 refuses metadata without a readable version where versions are remembered', async () => {
    const { version: _, ...unversioned } = goodMetadata()[2] ?? { type: '' };
    const without = goodMetadata().map((item) =>
      item.name === unversioned.name ? unversioned : item,
    );
    for (const metadata of [without, changed('de.test.os', { version: '1.0' })]) {
      const report = await scene.report({ metadata });
      expect((await scene.verify(report)).ok).toBe(true);
      await refuse(report, { metadataVersions: createStore() });
    }
  });

  test('R39 refuses when the memory of versions fails', async () => {
    const broken = (): never => {
      throw new Error('disk full');
    };
    const store = createStore();
    for (const metadataVersions of [
      { ...store, lastSeen: broken },
      { ...store, lastSeen: () => 'nonsense' },
      { ...store, remember: broken },
      { ...store, remember: async () => broken() },
    ]) {
      const { ok, result } = await scene.verify(await scene.report(), { metadataVersions });
      expect(ok).toBe(false);
      expect(result.summary.errorCodes).toEqual([ErrorCode.Internal]);
    }
  });
});
