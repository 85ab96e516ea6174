import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cmc } from '@cmc/api';
import {
  type AttestationResult,
  explain,
  generate,
  type MeasurementResult,
  type Measurer,
  type UnverifiedReport,
} from '@cmc/attestationreport';
import { decodeReport, encodeReport } from '@cmc/attestationreport/codec';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import { createTpmAccess, createTpmDriver, deviceOpener } from '@cmc/driver-tpm';
import { BUILD_TIMEOUT_MS, buildPackage } from '@cmc/testbed';
import { createFakeCa, isMissing } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { fakeSnp } from '../../../packages/attestationreport/test/support/snp.ts';
import { selfEndorser } from '../../../packages/cmcd/src/keys/self-endorser.ts';
import {
  type ConfidentialMachine,
  createConfidentialMachine,
} from './support/confidential-machine.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ADDON = join(ROOT, `packages/driver-snp/prebuilds/linux-${process.arch}/driver-snp.node`);
const NONCE = new Uint8Array(32).fill(9);
const TIMEOUT_MS = 60_000;
const [TPM, SNP] = ['TPM Evidence', 'SNP Evidence'];

function isAddonMissing(): boolean {
  if (existsSync(ADDON)) return false;
  if (process.env['CI'] !== undefined) throw new Error(`missing: ${ADDON} (npm run native)`);
  console.warn(`skipped, missing: ${ADDON} (npm run native)`);
  return true;
}

async function verdict(cmc: Cmc, report: Uint8Array): Promise<AttestationResult> {
  return (await cmc.verify({ nonce: NONCE, report })).result;
}

const measurement = (result: AttestationResult, type: string): MeasurementResult | undefined =>
  result.measurements?.find((each) => each.type === type.replace('Evidence', 'Result'));
const chainOf = (result: AttestationResult): string | undefined =>
  measurement(result, TPM)?.signature.certChainValidation.status;

/** A report, changed on the way. */
function changed(
  report: Uint8Array,
  change: (report: UnverifiedReport) => UnverifiedReport,
): Uint8Array {
  const { report: decoded, serialization } = decodeReport(report);
  return encodeReport(change(decoded), serialization);
}

/** Puts other certificates in place of those of the attestation key. */
function withCertificates(certs: readonly Uint8Array[]) {
  return (report: UnverifiedReport): UnverifiedReport => {
    const collateral = (report.context.collateral ?? []).map((each) =>
      each.type === TPM ? { ...each, certs } : each,
    );
    return { ...report, context: { ...report.context, collateral } };
  };
}

/** The drivers of a machine in this process, as the daemon has them. */
function driversOf({ swtpm, amd, chip }: ConfidentialMachine): Record<'tpm' | 'snp', Measurer> {
  return {
    tpm: createTpmDriver({
      access: createTpmAccess(deviceOpener(`unix://${swtpm.path}`)),
      endorser: selfEndorser({ name: 'guest' }),
      measurementLogs: false,
    }),
    snp: fakeSnp(amd.product, chip),
  };
}

/** A measurer whose certificates are others. */
function showing(certs: readonly Uint8Array[], inner: Measurer): Measurer {
  return {
    name: inner.name,
    prepare: async (options) => {
      const { collateral, measure } = await inner.prepare(options);
      return { collateral: collateral.map((each) => ({ ...each, certs })), measure };
    },
  };
}

describe.skipIf(isMissing('swtpm') || isAddonMissing())(
  'a daemon with a virtual TPM in an SEV-SNP guest',
  () => {
    beforeAll(() => buildPackage(join(ROOT, 'packages/cmcd')), BUILD_TIMEOUT_MS);

    test(
      'is accepted: the machine vouches for the key of the TPM, until something is measured',
      async () => {
        const machine = await createConfidentialMachine();
        const daemon = await machine.startDaemon();
        const verifier = await machine.verifier();
        const { report } = await daemon.attest({ nonce: NONCE });
        const result = await verdict(verifier, report);
        expect(result.summary.status, explain(result).join('\n')).toBe('success');
        expect(result.measurements?.map(({ type, summary }) => [type, summary.status])).toEqual(
          expect.arrayContaining([
            ['TPM Result', 'success'],
            ['SNP Result', 'success'],
          ]),
        );
        const { context } = decodeReport(report).report;
        const certs = context.collateral?.find(({ type }) => type === TPM)?.certs ?? [];
        expect(certs).toHaveLength(1);
        const { subjectName, issuerName } = parseCertificate(certs[0] ?? new Uint8Array());
        expect(equalBytes(subjectName.raw, issuerName.raw)).toBe(true);

        machine.swtpm.tool('tpm2_pcrextend', `7:sha256=${'ab'.repeat(32)}`);
        const other = await daemon.attest({ nonce: NONCE });
        expect((await verdict(verifier, other.report)).summary.status).toBe('fail');
      },
      TIMEOUT_MS,
    );

    test(
      'is refused when its report is changed on the way, or the machine is not believed',
      async () => {
        const machine = await createConfidentialMachine();
        const { report } = await (await machine.startDaemon()).attest({ nonce: NONCE });
        const verifier = await machine.verifier();
        expect((await verdict(verifier, report)).summary.status).toBe('success');

        const swapped = await verdict(
          verifier,
          changed(report, withCertificates([createFakeCa().certificate])),
        );
        expect(swapped.summary.status).toBe('fail');
        expect(measurement(swapped, SNP)?.freshness.status).toBe('fail');
        expect(chainOf(swapped)).toBe('fail');

        const withoutSnp = await verdict(
          verifier,
          changed(report, ({ evidences, ...rest }) => ({
            ...rest,
            evidences: (evidences ?? []).filter(({ type }) => type !== SNP),
          })),
        );
        expect(withoutSnp.summary.status).toBe('fail');
        expect(chainOf(withoutSnp)).toBe('fail');

        const unbelieved = await verdict(await machine.verifier({ amd: false }), report);
        expect(unbelieved.summary.status).toBe('fail');
        expect(measurement(unbelieved, SNP)?.summary.status).toBe('fail');
        expect(chainOf(unbelieved)).toBe('fail');
      },
      TIMEOUT_MS,
    );
  },
);

describe.skipIf(isMissing('swtpm'))('a prover that makes its reports as it likes', () => {
  const reportOf = async (
    machine: ConfidentialMachine,
    measurers: readonly Measurer[],
    tpmOnly = false,
  ): Promise<AttestationResult> => {
    const metadata = await machine.metadata({ tpmOnly });
    const report = await generate({ measurers, metadata, nonce: NONCE, serialization: 'cbor' });
    return await verdict(await machine.verifier(), report);
  };

  test('is accepted with both, in either order', async () => {
    const machine = await createConfidentialMachine();
    const { tpm, snp } = driversOf(machine);
    for (const measurers of [
      [tpm, snp],
      [snp, tpm],
    ]) {
      const result = await reportOf(machine, measurers);
      expect(result.summary.status, explain(result).join('\n')).toBe('success');
    }
  });

  test('is refused with a key that only vouches for itself, even where nothing else is asked for', async () => {
    const machine = await createConfidentialMachine();
    const { tpm } = driversOf(machine);
    const result = await reportOf(machine, [tpm], true);
    expect(result.summary.status).toBe('fail');
    expect(chainOf(result)).toBe('fail');
    expect(measurement(result, TPM)?.signature.signatureVerification.status).toBe('success');
  });

  test('is refused with evidence of the machine that the chip did not sign', async () => {
    const machine = await createConfidentialMachine();
    const { tpm } = driversOf(machine);
    const afterwards = { 672: [1, 2, 3] };
    const forged = fakeSnp(machine.amd.product, machine.chip, { afterwards });
    const result = await reportOf(machine, [tpm, forged]);
    expect(result.summary.status).toBe('fail');
    expect(measurement(result, SNP)?.signature.signatureVerification.status).toBe('fail');
    expect(chainOf(result)).toBe('fail');
  });

  test('is refused with a certificate of another key, which the machine commits to', async () => {
    const machine = await createConfidentialMachine();
    const { tpm, snp } = driversOf(machine);
    const own = createFakeCa({ commonName: 'guest vTPM AK' }).certificate;
    const result = await reportOf(machine, [showing([own], tpm), snp]);
    expect(result.summary.status).toBe('fail');
    expect(measurement(result, SNP)?.summary.status).toBe('success');
    expect(measurement(result, TPM)?.signature.signatureVerification.status).toBe('fail');
  });
});
