import { randomBytes } from 'node:crypto';
import { EXIT, writeFileAtomic } from '@cmc/host';
import { daemonAddress, deadline, withDaemon } from './daemon.ts';
import { print } from './output.ts';
import type { TestclientSettings } from './settings.ts';

/** Bytes of a fresh nonce. */
const NONCE_BYTES = 32;

/** Has the daemon attest this computer over a fresh nonce, and stores report and nonce. */
export async function generate(settings: TestclientSettings): Promise<number> {
  const nonce = randomBytes(NONCE_BYTES);
  const { report } = await withDaemon(settings, (cmc) =>
    cmc.attest(
      { nonce },
      { signal: deadline(settings), serialization: daemonAddress(settings).serialization },
    ),
  );
  const files = reportFiles(settings);
  await writeFileAtomic(files.nonce, nonce, { mode: 0o644 });
  await writeFileAtomic(files.report, report, { mode: 0o644 });
  print(settings, { ...files, bytes: report.length }, [
    `Report of ${report.length} bytes written to ${files.report}, its nonce to ${files.nonce}.`,
  ]);
  return EXIT.success;
}

/** Where report and nonce are kept. */
export function reportFiles(settings: TestclientSettings): {
  readonly report: string;
  readonly nonce: string;
} {
  return {
    report: settings.report ?? 'attestation-report',
    nonce: settings.nonce ?? 'nonce',
  };
}
