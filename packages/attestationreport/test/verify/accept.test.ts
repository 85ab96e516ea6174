import { beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { attestationResultSchema, encodeStruct } from '../../src/codec/index.ts';
import { explain } from '../../src/explain.ts';
import type { UnverifiedReport, VerifiedReport } from '../../src/types/report.ts';
import type { Serialization } from '../../src/types/serialization.ts';
import { asJsonObject } from '../oci/vectors.ts';
import {
  clock,
  createScene,
  digestOf,
  goodMetadata,
  imageDescription,
  manifest,
  manifestOf,
  nonce,
  type Scene,
} from '../support/scene.ts';
import {
  containerEvent,
  containerReference,
  containerSpec,
  fakeSoftware,
} from '../support/software.ts';

describe.each<Serialization>(['json', 'cbor'])(
  'verify accepts a software report in %s',
  (serialization) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await createScene(serialization);
    });

    test('whose result says what was verified', async () => {
      const { ok, result, report, metadata } = await scene.verify(await scene.report(), {
        peer: { id: 'ab'.repeat(32), address: '192.0.2.1:4443' },
      });
      expect(explain(result)).toEqual([
        'The report of host.test is accepted at certification level 1.',
        'The SW measurement: no hardware anchor: nothing but the host itself vouches for the key of this evidence.',
      ]);
      expect(ok).toBe(true);
      expect(report?.name).toBe('host.test');
      expect(metadata.size).toBe(4);
      for (const [digest, item] of metadata) expect(digestOf(item)).toBe(digest);
      const hex = Buffer.from(nonce).toString('hex');
      expect(result).toMatchObject({
        version: '3.4.0',
        type: 'Attestation Result',
        summary: { status: 'success' },
        prover: { hostname: 'host.test', ip: '192.0.2.1:4443', peerId: 'ab'.repeat(32) },
        verifier: {},
        created: '2026-06-01T12:00:00.000Z',
        freshness: { status: 'success', got: hex, expected: hex },
        certLevel: 1,
        measurements: [
          {
            type: 'SW Result',
            summary: { status: 'success' },
            freshness: { status: 'success' },
            signature: {
              signatureVerification: { status: 'success' },
              certChainValidation: { status: '' },
            },
            artifacts: [
              { success: true, launched: true, type: 'Verified', name: 'app', hashAlg: 'SHA-256' },
            ],
          },
        ],
        metadata: {
          imageDescriptionResult: { name: 'de.test.image', summary: { status: 'success' } },
          manifestResults: [
            { name: 'de.test.rtm', summary: { status: 'success' } },
            { name: 'de.test.os', validityCheck: { status: 'success' } },
            {
              name: 'de.test.app',
              signatureValidation: [
                {
                  signatureVerification: { status: 'success' },
                  certChainValidation: { status: 'success' },
                },
              ],
            },
          ],
          compatibilityResult: { result: { status: 'success' } },
        },
      });
      expect(result.summary).toEqual({ status: 'success' });
      for (const encoding of ['json', 'cbor'] as const) {
        expect(encodeStruct(attestationResultSchema, result, encoding).length).toBeGreaterThan(
          1000,
        );
      }
    });

    test.each(['SHA-256', 'SHA-384', 'SHA-512'] as const)(
      'with context hash %s',
      async (hashAlg) => {
        expect((await scene.verify(await scene.report({ hashAlg }))).ok).toBe(true);
      },
    );

    test('whose metadata the verifier has cached', async () => {
      const first = await scene.verify(await scene.report());
      const cached = [...first.metadata.keys()];
      const small = await scene.report({ cached: cached.map((digest) => digest.toUpperCase()) });
      expect((await scene.verify(small)).ok).toBe(false);
      const second = await scene.verify(small, { cachedMetadata: first.metadata });
      expect(second.ok).toBe(true);
      expect(second.metadata).toEqual(first.metadata);
    });

    test('with metadata in the other serialization', async () => {
      const other = await createScene(serialization === 'json' ? 'cbor' : 'json');
      const metadata = await Promise.all(goodMetadata().map((item) => other.sign(item)));
      const report = await scene.report({ metadata });
      expect((await scene.verify(report, { metadataRoots: other.roots })).ok).toBe(true);
    });

    test('whose container differs where the rules allow it', async () => {
      const metadata = (rules: unknown) => [
        imageDescription(['rtm'], {}, { rtm: asJsonObject(rules) }),
        manifestOf('rtm', 'rtm', [containerReference()]),
      ];
      const spec = containerSpec(['PATH=/usr/bin', 'TOKEN=secret']);
      const measurers = [fakeSoftware({ events: [containerEvent({ spec })] })];
      const rules = { process: { env: 'replace:PATH=*;additional:TOKEN=*' } };
      const good = await scene.verify(await scene.report({ metadata: metadata(rules), measurers }));
      expect(good.result.measurements?.[0]?.artifacts?.[0]?.ctrDetails?.ociSpec).toMatchObject({
        process: { env: ['PATH=*'] },
      });
      expect(good.ok).toBe(true);
      const strict = { process: { env: 'replace:PATH=*' } };
      const bad = await scene.verify(await scene.report({ metadata: metadata(strict), measurers }));
      expect(bad.ok).toBe(false);
      expect(
        JSON.stringify(bad.result, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
      ).not.toContain('secret');
    });

    test('with several containers, also of one image, and optional ones that do not run', async () => {
      const rules = asJsonObject({ process: { env: 'replace:PATH=*' } });
      const metadata = [
        imageDescription(['rtm', 'more'], {}, { rtm: rules }),
        manifestOf('rtm', 'rtm', [containerReference(), containerReference({ name: 'db' })]),
        manifestOf('more', 'rtm', [containerReference({ name: 'extra', optional: true })]),
      ];
      const events = [
        containerEvent(),
        containerEvent({ spec: containerSpec(['PATH=/other']) }),
        containerEvent({ name: 'db' }),
      ];
      const report = await scene.report({ metadata, measurers: [fakeSoftware({ events })] });
      const { ok, result } = await scene.verify(report);
      expect(explain(result).slice(2)).toEqual([]);
      expect(ok).toBe(true);
      expect(
        result.measurements?.[0]?.artifacts?.map(({ type, success }) => [type, success]),
      ).toEqual([
        ['SW', true],
        ['Verified', true],
        ['Verified', true],
        ['Verified', true],
      ]);
    });

    test('signed as a whole', async () => {
      const report = await scene.report({ signer: scene.signer });
      expect((await scene.verify(report)).ok).toBe(true);
      expect((await scene.verify(report, { requireReportSignature: true })).ok).toBe(true);
      expect((await scene.verify(report, { reportRoots: scene.roots })).ok).toBe(true);
    });

    test('with metadata of two signers', async () => {
      const { signer: second } = await scene.ca.issue({
        commonName: 'Evaluator',
        notBefore: new Date('2026-01-01'),
        notAfter: new Date('2027-01-01'),
      });
      const metadata = await Promise.all(
        goodMetadata().map((item) => scene.sign(item, [scene.signer, second])),
      );
      const report = await scene.report({ metadata });
      expect((await scene.verify(report, { minimumMetadataSigners: 2 })).ok).toBe(true);
      expect((await scene.verify(report, { minimumMetadataSigners: 3 })).ok).toBe(false);
      expect((await scene.verify(await scene.report(), { minimumMetadataSigners: 2 })).ok).toBe(
        false,
      );
    });

    test('also when it comes again, and no longer when its metadata has expired', async () => {
      const report = await scene.report();
      for (let i = 0; i < 3; i++) expect((await scene.verify(report)).ok).toBe(true);
      const late = await scene.verify(report, { now: new Date('2026-12-31T00:00:00.001Z') });
      expect(late.result.metadata.manifestResults?.[0]?.validityCheck).toMatchObject({
        status: 'fail',
        errorCodes: [11],
      });
      expect((await scene.verify(report, { now: clock.now() })).ok).toBe(true);
    });

    test('at certification level 0 when a manifest has none', async () => {
      const metadata = [
        imageDescription(['rtm', 'app']),
        manifest('rtm', 'rtm', { certLevel: 1 }),
        { ...manifestOf('app', 'rtm', [containerReference()]), certLevel: 0 },
      ];
      const { ok, result } = await scene.verify(await scene.report({ metadata }));
      expect(ok).toBe(true);
      expect(result.certLevel).toBe(0);
    });
  },
);

test('an unverified report is not a verified one, for the type checker', () => {
  expectTypeOf<VerifiedReport>().toExtend<UnverifiedReport>();
  expectTypeOf<UnverifiedReport>().not.toExtend<VerifiedReport>();
});
