import { printable } from '@cmc/attestationreport';
import { inspectSnpReport } from '@cmc/attestationreport/snp';
import { EXIT, readSettingFile } from '@cmc/host';
import type { CmcctlSettings } from '../settings.ts';
import { archiveTime } from '../time.ts';
import { parseCertificates } from './certificates.ts';
import type { Inspection } from './index.ts';

/** An AMD SEV-SNP attestation report, and with certificates whether a chip of AMD's made it. */
export async function inspectSnp(bytes: Uint8Array, settings: CmcctlSettings): Promise<Inspection> {
  // Shows what a report was worth at a time; nothing is admitted on the strength of it.
  const at = archiveTime({ ...settings, archived: true });
  const files = await Promise.all(
    (settings.certs ?? []).map((path) => readSettingFile(path, 'certs')),
  );
  const { report, checks, verdict } = await inspectSnpReport(bytes, {
    certificates: files.flatMap((file) => parseCertificates(new Uint8Array(file))),
    ...(at === undefined ? {} : { now: at }),
  });
  const outcome = {
    ...(at === undefined ? {} : { archivedAt: at.toISOString() }),
    report,
    checks,
    verdict,
  };
  const lines = [
    ...Object.entries(report ?? {}).map(([name, value]) => `${name.padEnd(18)}${cell(value)}`),
    ...checks.map(({ id, pass, detail }) => `${pass ? 'pass' : 'FAIL'} ${id.padEnd(14)}${detail}`),
    `Verdict ${verdict}${at === undefined ? '' : `, as of ${at.toISOString()}`}`,
  ].map(printable);
  const exitCode = verdict === 'reject' ? EXIT.attestationFailed : EXIT.success;
  return { exitCode, outcome, lines };
}

function cell(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, part]) => `${name}=${part}`)
    .join(' ');
}
