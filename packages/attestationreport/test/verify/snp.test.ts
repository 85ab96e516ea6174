import { concatBytes } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { explain } from '../../src/explain.ts';
import { createScene } from '../support/scene.ts';
import {
  createFakeChip,
  type FakeSnpOptions,
  fakeSnp,
  snpMetadata,
  snpReference,
} from '../support/snp.ts';
import { createSnpScene, snpResultOf } from '../support/snp-scene.ts';

const { scene, milan, genoa, turin, run, refused } = await createSnpScene();

describe('good reports', () => {
  test('of every generation are accepted, at the level that needs hardware', async () => {
    for (const amd of [milan, genoa, turin]) {
      const verification = await run({ amd });
      expect(explain(verification.result)).toHaveLength(1);
      expect(verification.ok).toBe(true);
      expect(verification.result.certLevel).toBe(3);
      const parts =
        amd === turin ? ['FMC', 'BL', 'TEE', 'SNP', 'uCode'] : ['BL', 'TEE', 'SNP', 'uCode'];
      const { snpResult, artifacts } = snpResultOf(verification);
      expect(snpResult?.extensionsCheck?.map(({ got = '' }) => got.split(' ')[1])).toEqual([
        ...parts,
        'CHIP',
      ]);
      expect(snpResult?.tcbCheck.result.status).toBe('success');
      expect(artifacts).toMatchObject([{ success: true, name: 'OVMF' }]);
    }
  });

  test('of versions 2 to 4 are accepted', async () => {
    for (const version of [2, 3, 4]) {
      const patch = {
        0: [version],
        504: [0],
        512: [0],
        ...(version === 2 ? { 392: [0, 0, 0] } : {}),
      };
      expect((await run({ patch })).ok).toBe(true);
    }
  });

  test('with a certificate table behind them are accepted, with anything else not', async () => {
    const change = (tail: Uint8Array) => (report: Uint8Array) => concatBytes(report, tail);
    expect((await run({ change: change(new Uint8Array(24)) })).ok).toBe(true);
    await refused({ change: change(new Uint8Array(23)) }, /error 39/);
  });

  test('of private fleets are refused with the roots of AMD', async () => {
    const amd = milan;
    const chip = await createFakeChip(amd);
    const report = await scene.report({
      measurers: [fakeSnp('Milan', chip)],
      metadata: snpMetadata(amd),
    });
    const verification = await scene.verify(report);
    expect(verification.ok).toBe(false);
    expect(snpResultOf(verification).signature.certChainValidation.errorCodes).toEqual([1]);
  });
});

describe('R23 the structure', () => {
  const cases: readonly (readonly [string, FakeSnpOptions, RegExp])[] = [
    ['version 1', { patch: { 0: [1] } }, /version/],
    ['version 6', { patch: { 0: [6] } }, /version/],
    ['policy bit 17 not one', { patch: { 10: [0] } }, /bit 17/],
    ['a reserved policy bit', { patch: { 11: [4] } }, /reserved/],
    ['a reserved platform bit', { patch: { 65: [1] } }, /reserved/],
    ['a reserved flag', { patch: { 72: [0x20] } }, /reserved/],
    ['a reserved byte', { patch: { 76: [1] } }, /zero/],
    ['a reserved byte behind CPUID', { patch: { 395: [1] } }, /zero/],
    ['a reserved byte of the firmware', { patch: { 491: [1] } }, /zero/],
    ['a reserved byte of committed firmware', { patch: { 495: [1] } }, /zero/],
    ['a reserved byte behind mitigations', { patch: { 520: [1] } }, /zero/],
    ['mitigations in version 4', { patch: { 0: [4] } }, /zero/],
    ['CPUID in version 2', { patch: { 0: [2], 504: [0], 512: [0] } }, /zero/],
    ['a byte behind the signature', { afterwards: { 816: [1] } }, /zero/],
    ['a reserved TCB byte', { patch: { 58: [1] } }, /tcbReserved/],
    ['signature algorithm 2', { patch: { 52: [2] } }, /error 57/],
    ['a report that the host asked for', { patch: { 48: [255, 255, 255, 255] } }, /3/],
    ['a signature with high bytes', { afterwards: { 720: [1] } }, /error 64/],
    ['a changed measurement', { afterwards: { 144: [0xaa] } }, /error 64/],
  ];
  for (const [what, options, reason] of cases) {
    test(`R23 refuses ${what}`, async () => {
      await refused(options, reason);
    });
  }

  test('R23 refuses a report that is too short', async () => {
    await refused({ change: (report) => report.subarray(0, 1183) }, /error 39/);
  });
});

describe('references and policy', () => {
  const components = (list: ReturnType<typeof snpReference>[]) => ({
    manifest: { sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components: list } },
  });

  test('exactly one reference with a SHA-384 hash, and a policy, are needed', async () => {
    await refused(components([]), /error 51/);
    await refused(components([snpReference(), snpReference()]), /error 50/);
    await refused(components([snpReference(new Uint8Array(32), 'SHA-256')]), /error 52/);
    const chip = await createFakeChip(milan);
    const [image, rtm] = snpMetadata(milan);
    const { snpPolicy: _, ...withoutPolicy } = rtm!;
    const report = await scene.report({
      measurers: [fakeSnp('Milan', chip)],
      metadata: [image!, withoutPolicy],
    });
    const verification = await scene.verify(report, { snpRoots: [milan.root] });
    expect(snpResultOf(verification).summary.errorCodes).toEqual([49]);
  });

  test('the additions to snpPolicy work in CBOR metadata, too', async () => {
    const cbor = await createScene('cbor');
    const chip = await createFakeChip(milan);
    for (const [vmpl, ok] of [
      [1, true],
      [2, false],
    ] as const) {
      const report = await cbor.report({
        measurers: [fakeSnp('Milan', chip, { patch: { 48: [1] } })],
        metadata: snpMetadata(milan, { vmpl }),
      });
      expect((await cbor.verify(report, { snpRoots: [milan.root] })).ok).toBe(ok);
    }
  });
});
