import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKdsClient, type KdsClient } from '@cmc/amd-kds';
import { inspectSnpReport } from '@cmc/attestationreport/snp';
import { parseCertificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { toHex } from '@cmc/bytes';
import { createSnpDriver, type Endorser } from '@cmc/driver-snp';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, expectTypeOf, test } from 'vitest';

const file = (path: string): Uint8Array => new Uint8Array(readFileSync(join(vectorsDir(), path)));
const REPORT = file('snp/milan-v3-tav/report.bin');
const [VCEK] = parsePemCertificates(
  readFileSync(join(vectorsDir(), 'snp/milan-v3-tav/vcek.pem'), 'utf8'),
);
const AUTHORITIES = ['ask', 'ark'].map((name) => file(`trust-anchors/amd/milan/${name}.pem`));

describe('a guest whose host gives no certificates', () => {
  test('the client of AMD is what the driver takes as its other source', () => {
    expectTypeOf<Parameters<Endorser['vcek']>>().toExtend<Parameters<KdsClient['vcek']>>();
    expectTypeOf<Parameters<Endorser['chain']>>().toExtend<Parameters<KdsClient['chain']>>();
    expectTypeOf<ReturnType<KdsClient['vcek']>>().toExtend<ReturnType<Endorser['vcek']>>();
    expectTypeOf<ReturnType<KdsClient['chain']>>().toExtend<ReturnType<Endorser['chain']>>();
    expectTypeOf<KdsClient>().toExtend<Endorser>();
  });

  test('sends those of AMD with its report, and they are the right ones', async () => {
    const asked: string[] = [];
    const endorser = await createKdsClient({
      now: () => new Date('2026-03-01T00:00:00Z'),
      fetch: async ({ pathname }) => {
        asked.push(pathname);
        const body = pathname.endsWith('cert_chain') ? Buffer.concat(AUTHORITIES) : VCEK?.raw;
        return { status: 200, body: new Uint8Array(body ?? []) };
      },
    });
    const driver = createSnpDriver({
      endorser,
      source: {
        name: 'fake',
        report: async (data) => {
          const report = REPORT.slice();
          report.set(data, 0x50);
          return { report, certificates: new Uint8Array() };
        },
      },
    });
    const { collateral } = await driver.prepare();
    const certificates = (collateral[0]?.certs ?? []).map((der) => parseCertificate(der));
    expect(certificates[0]?.raw).toStrictEqual(VCEK?.raw);
    expect(asked.sort()).toStrictEqual([
      `/vcek/v1/Milan/${toHex(REPORT.subarray(0x1a0, 0x1e0))}`,
      '/vcek/v1/Milan/cert_chain',
    ]);
    const inspection = await inspectSnpReport(REPORT, {
      certificates,
      now: new Date('2026-03-01T00:00:00Z'),
    });
    expect(inspection.checks.filter(({ pass }) => !pass)).toStrictEqual([]);
    expect(inspection.verdict).toBe('accept');
  });
});
