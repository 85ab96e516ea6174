import { encodeUtf8 } from '@cmc/bytes';
import { createFakeKeySync, spkiOf, toPem } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Measurer } from '../../src/contract.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import { explain } from '../../src/explain.ts';
import type { Collateral, Component, Evidence } from '../../src/types/report.ts';
import type { Verification } from '../../src/verify/index.ts';
import {
  createScene,
  goodMetadata,
  imageDescription,
  manifestOf,
  type ReportChanges,
  type Scene,
} from '../support/scene.ts';
import {
  containerEvent,
  containerReference,
  containerSpec,
  type FakeSoftwareOptions,
  fakeSoftware,
  rootfs,
} from '../support/software.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await createScene('cbor');
});

/** Verifies a report that must be refused, and gives its codes. */
async function refuse(changes: ReportChanges): Promise<Verification & { readonly codes: unknown }> {
  const verification = await scene.verify(await scene.report(changes));
  expect(verification.ok, explain(verification.result).join(' ')).toBe(false);
  expect(verification.report).toBeUndefined();
  expect(verification.result.summary.status).toBe('fail');
  return { ...verification, codes: verification.result.summary.errorCodes };
}

const refuseSoftware = (options: FakeSoftwareOptions) =>
  refuse({ measurers: [fakeSoftware(options)] });

/** Evidence and collateral that nobody knows. */
function otherMeasurer(type: string, parts: readonly ('evidence' | 'collateral')[]): Measurer {
  return {
    name: type,
    prepare: async () => ({
      collateral: parts.includes('collateral') ? [{ type }] : [],
      measure: async () =>
        parts.includes('evidence') ? [{ type, evidence: Uint8Array.of(1) }] : [],
    }),
  };
}

describe('evidence must be there for all that has reference values', () => {
  test('R31 refuses a report without any evidence', async () => {
    const measurers = [otherMeasurer('SW Evidence', [])];
    expect((await refuse({ measurers })).codes).toEqual([
      ErrorCode.NotPresent,
      ErrorCode.NotPresent,
    ]);
  });

  test('R31 refuses a report without the evidence that mandatory reference values need', async () => {
    const tpm: Component = {
      type: 'firmware',
      name: 'EV_SEPARATOR',
      hashes: [{ alg: 'SHA-256', content: new Uint8Array(32) }],
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: '0' },
      ],
    };
    const metadata = (component: Component) => [
      imageDescription(['rtm']),
      manifestOf('rtm', 'rtm', [component, containerReference()]),
    ];
    const { codes, result } = await refuse({ metadata: metadata(tpm) });
    expect(codes).toEqual([ErrorCode.NotPresent]);
    expect(explain(result)[1]).toBe(
      'No verified TPM evidence, which EV_SEPARATOR of manifest rtm needs (error 24).',
    );
    const optional = await scene.report({ metadata: metadata({ ...tpm, optional: true }) });
    expect((await scene.verify(optional)).ok).toBe(true);
  });

  test('R31 refuses evidence of a type that it cannot verify', async () => {
    for (const type of ['TDX Evidence', 'tpm evidence', 'SNP evidence', 'sw evidence', '']) {
      const other = otherMeasurer(type, ['evidence', 'collateral']);
      const { codes, result } = await refuse({ measurers: [fakeSoftware(), other] });
      expect(codes).toEqual([ErrorCode.MeasurementTypeNotSupported]);
      expect(result.measurements).toHaveLength(1);
    }
  });

  test('R31 refuses evidence twice, also when both would verify', async () => {
    const { codes, result } = await refuse({ measurers: [fakeSoftware(), fakeSoftware()] });
    expect(codes).toContain(ErrorCode.EvidenceType);
    expect(codes).toContain(ErrorCode.ParseCollateral);
    expect(result.measurements).toEqual([]);
  });

  test('R31 refuses collateral twice, without evidence, and evidence without collateral', async () => {
    const twice = [fakeSoftware(), otherMeasurer('SW Evidence', ['collateral'])];
    expect((await refuse({ measurers: twice })).codes).toContain(ErrorCode.ParseCollateral);
    const without = [fakeSoftware(), otherMeasurer('TPM Evidence', ['collateral'])];
    expect((await refuse({ measurers: without })).codes).toEqual([ErrorCode.ParseCollateral]);
    const alone = [otherMeasurer('SW Evidence', ['evidence'])];
    expect((await refuse({ measurers: alone })).codes).toContain(ErrorCode.VerifyMeasurement);
  });

  test('R31 refuses more evidence or collateral than there are types', async () => {
    for (const part of ['evidence', 'collateral'] as const) {
      const others = Array.from({ length: 33 }, (_, i) => otherMeasurer(`type ${i}`, [part]));
      const { codes, result } = await refuse({ measurers: [fakeSoftware(), ...others] });
      expect(codes).toContain(ErrorCode.EvidenceType);
      expect(result.measurements).toEqual([]);
    }
  });

  test('R31 refuses a certification level that needs hardware', async () => {
    const metadata = goodMetadata().map((item) =>
      item.type === 'Manifest' ? { ...item, certLevel: 2 } : item,
    );
    const { codes, result } = await refuse({ metadata });
    expect(codes).toEqual([ErrorCode.InvalidCertLevel]);
    expect(result.certLevel).toBe(1);
  });

  test('R31 refuses reference values of no trust anchor, an unknown one, or two', async () => {
    for (const properties of [
      [],
      [{ name: 'cmc.ta', value: 'sw' }],
      [
        { name: 'cmc.ta', value: 'SW' },
        { name: 'cmc.ta', value: 'TPM' },
      ],
    ]) {
      const odd = { ...containerReference({ name: 'odd', optional: true }), properties };
      const metadata = [
        imageDescription(['rtm']),
        manifestOf('rtm', 'rtm', [containerReference(), odd]),
      ];
      expect((await refuse({ metadata })).codes).toEqual([ErrorCode.RefValTypeNotSupported]);
    }
  });

  test('R16 refuses a report in which nothing was compared', async () => {
    const metadata = [
      imageDescription(['rtm']),
      manifestOf('rtm', 'rtm', [containerReference({ optional: true })]),
    ];
    for (const artifacts of [[], [{ type: 'SW Eventlog', index: 0 }]]) {
      const measurers = [fakeSoftware({ events: [], artifacts })];
      const { codes, result } = await refuse({ metadata, measurers });
      expect(codes).toEqual([ErrorCode.RefValNotPresent]);
      expect(result.measurements?.[0]?.summary.status).toBe('success');
    }
  });
});

describe('software evidence', () => {
  test('R43 refuses evidence over another nonce in a fresh report', async () => {
    const { codes, result } = await refuseSoftware({ evidenceNonce: new Uint8Array(32) });
    expect(codes).toContain(ErrorCode.VerifyMeasurement);
    expect(result.freshness.status).toBe('success');
    expect(result.measurements?.[0]?.freshness).toMatchObject({
      status: 'fail',
      got: '00'.repeat(32),
      expected: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('R43 refuses evidence with an empty nonce', async () => {
    const { result } = await refuseSoftware({ evidenceNonce: new Uint8Array() });
    expect(result.measurements?.[0]?.freshness.status).toBe('fail');
  });

  test('R15 refuses a log without a mandatory container', async () => {
    const metadata = [
      imageDescription(['rtm']),
      manifestOf('rtm', 'rtm', [containerReference(), containerReference({ name: 'guard' })]),
    ];
    const { codes, result } = await refuse({ metadata });
    expect(codes).toContain(ErrorCode.VerifyMeasurement);
    expect(result.measurements?.[0]?.artifacts).toMatchObject([
      { type: 'SW', name: 'guard', success: false, launched: false },
      { type: 'Verified', name: 'app', success: true },
    ]);
  });

  test('R15 refuses a log with a container twice', async () => {
    const { result } = await refuseSoftware({ events: [containerEvent(), containerEvent()] });
    expect(result.measurements?.[0]?.artifacts).toMatchObject([
      { type: 'Verified', success: true },
      { type: 'Measurement', success: false, description: 'the event occurs more than once' },
    ]);
  });

  test('R15 refuses a container that no reference value has', async () => {
    for (const event of [
      containerEvent({ name: 'evil' }),
      containerEvent({ spec: containerSpec(['LD_PRELOAD=/evil.so']) }),
    ]) {
      const { codes, result } = await refuseSoftware({ events: [containerEvent(), event] });
      expect(codes).toContain(ErrorCode.VerifyMeasurement);
      expect(result.measurements?.[0]?.artifacts?.[1]).toMatchObject({
        type: 'Measurement',
        success: false,
        launched: true,
      });
    }
  });

  test('refuses a log that is not the one whose hash was signed', async () => {
    const other = containerEvent({ name: 'other' });
    for (const aggregated of [[], [other], [containerEvent(), other]]) {
      const { result } = await refuseSoftware({ aggregated });
      expect(result.measurements?.[0]?.summary.errorCodes).toEqual([
        ErrorCode.VerifyAggregatedSwHash,
      ]);
    }
  });

  test('refuses a configuration that does not have the measured hash, rules or not', async () => {
    const good = containerEvent();
    const evil = containerEvent({ spec: containerSpec(['PATH=/evil']) });
    const spec = good.ctrData?.ociSpec;
    const lie: Component = {
      ...evil,
      ctrData: {
        configSha256: evil.ctrData?.configSha256 ?? new Uint8Array(),
        rootfsSha256: rootfs('app'),
        ...(spec === undefined ? {} : { ociSpec: spec }),
      },
    };
    const { result } = await refuseSoftware({ events: [lie] });
    expect(result.measurements?.[0]?.artifacts?.[1]?.description).toMatch(
      /^the configuration does not have the measured hash: expected [0-9a-f]{64}, got [0-9a-f]{64}$/,
    );
  });

  test('refuses events whose hash is not that of their container', async () => {
    const event = containerEvent();
    const hashes = [
      [],
      [{ alg: 'SHA-256', content: new Uint8Array(32) }],
      [{ alg: 'SHA-256', content: new Uint8Array(31) }],
      [{ alg: 'SHA-384', content: event.hashes?.[0]?.content ?? new Uint8Array() }],
      [...(event.hashes ?? []), ...(event.hashes ?? [])],
    ];
    for (const list of hashes) {
      const { result } = await refuseSoftware({ events: [{ ...event, hashes: list }] });
      expect(result.measurements?.[0]?.artifacts?.at(-1)?.type).toBe('Measurement');
    }
  });

  test('refuses events without container data, or with hashes of another length', async () => {
    const event = containerEvent();
    const { ctrData: _, ...bare } = event;
    const { configSha256 = new Uint8Array(), rootfsSha256 = new Uint8Array() } =
      event.ctrData ?? {};
    const short = { configSha256: configSha256.slice(1), rootfsSha256 };
    const shifted = {
      configSha256: Uint8Array.of(...configSha256, rootfsSha256[0] ?? 0),
      rootfsSha256: rootfsSha256.slice(1),
    };
    for (const [odd, reason] of [
      [bare, 'the event has no container data'],
      [{ ...event, ctrData: short }, 'the container data has hashes of a wrong length'],
      [{ ...event, ctrData: shifted }, 'the container data has hashes of a wrong length'],
    ] as const) {
      const { codes, result } = await refuseSoftware({ events: [odd] });
      expect(codes).toContain(ErrorCode.VerifyMeasurement);
      expect(result.measurements?.[0]?.artifacts?.at(-1)).toMatchObject({
        type: 'Measurement',
        description: reason,
      });
    }
  });

  test('accepts an event without configuration only when its hash is the reference one', async () => {
    const bare = (event: Component): Component => {
      const { configSha256 = new Uint8Array(), rootfsSha256 = new Uint8Array() } =
        event.ctrData ?? {};
      return { ...event, ctrData: { configSha256, rootfsSha256 } };
    };
    const report = await scene.report({
      measurers: [fakeSoftware({ events: [bare(containerEvent())] })],
    });
    expect((await scene.verify(report)).ok).toBe(true);
    await refuseSoftware({ events: [bare(containerEvent({ spec: containerSpec(['X=1']) }))] });
  });

  test('refuses reference values that cannot be compared', async () => {
    const reference = containerReference();
    const { ctrData: _, ...bare } = reference;
    const { hashes: __, ...hashless } = reference;
    for (const odd of [bare, hashless]) {
      const metadata = [imageDescription(['rtm']), manifestOf('rtm', 'rtm', [odd])];
      expect((await refuse({ metadata })).codes).toContain(ErrorCode.VerifyMeasurement);
    }
  });

  test('refuses a log of another kind', async () => {
    const events = [containerEvent()];
    const artifacts = [{ type: 'PCR Eventlog', index: 0, events }];
    const { result } = await refuseSoftware({ events, artifacts });
    expect(result.measurements?.[0]?.summary.errorCodes).toEqual([ErrorCode.ParseCollateral]);
  });

  test.each<[string, (collateral: Collateral) => Collateral]>([
    ['no key', ({ key: _, ...rest }) => rest],
    ['a key that is no PEM', (collateral) => ({ ...collateral, key: encodeUtf8('key') })],
    ['a key that is no text', (collateral) => ({ ...collateral, key: Uint8Array.of(0xff) })],
    [
      'the key of somebody else',
      (collateral) => ({
        ...collateral,
        key: encodeUtf8(toPem(spkiOf(createFakeKeySync()), 'PUBLIC KEY')),
      }),
    ],
  ])('refuses collateral with %s', async (_, changeCollateral) => {
    const { result } = await refuseSoftware({ changeCollateral });
    expect(result.measurements?.[0]?.summary).toMatchObject({
      status: 'fail',
      errorCodes: [ErrorCode.VerifyEvidence],
    });
  });

  test.each<[string, (evidence: Evidence) => Evidence]>([
    ['nothing', (evidence) => ({ ...evidence, evidence: null })],
    ['no bytes', (evidence) => ({ ...evidence, evidence: new Uint8Array() })],
    ['no JWS', (evidence) => ({ ...evidence, evidence: encodeUtf8('{}') })],
  ])('refuses %s as evidence', async (_, changeEvidence) => {
    const { result } = await refuseSoftware({ changeEvidence });
    expect(result.measurements?.[0]?.summary).toMatchObject({
      status: 'fail',
      errorCodes: [ErrorCode.VerifyEvidence],
    });
  });
});
