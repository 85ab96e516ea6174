import type { VerifyOptions } from '@cmc/attestationreport';
import { signReport } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { createFakeCa, type FakeCa } from '@cmc/testkit';
import { beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import type { CmcDemands, CmcOptions } from '../../src/index.ts';
import { attestingCmc } from '../support/attesting-cmc.ts';
import { createWorld, type World } from '../support/world.ts';

const nonce = new Uint8Array(32).fill(7);

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

async function verdict(report: Uint8Array, demands: Partial<CmcOptions>): Promise<string> {
  const verifier = await attestingCmc(world, demands);
  return (await verifier.verify({ nonce, report })).result.summary.status;
}

async function plainReport(): Promise<Uint8Array> {
  return (await (await attestingCmc(world)).attest({ nonce })).report;
}

async function signedReport(ca: FakeCa): Promise<Uint8Array> {
  const { signer } = await ca.issue({ commonName: 'device', extendedKeyUsage: ['clientAuth'] });
  return await signReport(await plainReport(), signer);
}

describe('what a CMC demands of reports', () => {
  test('is no signature over the whole, unless it says so', async () => {
    const report = await plainReport();
    expect(await verdict(report, {})).toBe('success');
    expect(await verdict(report, { requireReportSignature: false })).toBe('success');
    expect(await verdict(report, { requireReportSignature: true })).toBe('fail');
  });

  test('is a signature under the roots of metadata, when no others are named', async () => {
    const report = await signedReport(world.ca);
    expect(await verdict(report, { requireReportSignature: true })).toBe('success');
    expect(await verdict(await signedReport(createFakeCa()), {})).toBe('fail');
  });

  test('is a signature under reportRoots alone, when those are named', async () => {
    const ca = createFakeCa();
    const reportRoots = [parseCertificate(ca.certificate)];
    expect(await verdict(await signedReport(ca), { reportRoots })).toBe('success');
    expect(await verdict(await signedReport(world.ca), { reportRoots })).toBe('fail');
  });

  test('R36 is that each manifest can be revoked, when it requires that', async () => {
    const report = await plainReport();
    expect(await verdict(report, { checkOmsp: true })).toBe('success');
    expect(await verdict(report, { requireOmsp: true })).toBe('fail');
  });
});

test('every option of verify() is of one report, or can be demanded of all', () => {
  type OfOneReport = 'nonce' | 'now' | 'peer' | 'cachedMetadata' | 'policies' | 'signal';
  type Forgotten = Exclude<keyof VerifyOptions, keyof CmcDemands | OfOneReport>;
  expectTypeOf<Forgotten>().toEqualTypeOf<never>();
});
