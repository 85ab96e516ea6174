import { explain } from '@cmc/attestationreport';
import { attestationResultSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { EXIT, readConnectionFiles, readSettingFile, writeFileAtomic } from '@cmc/host';
import { deadline, withDaemon } from './daemon.ts';
import { reportFiles } from './generate.ts';
import { print } from './output.ts';
import type { TestclientSettings } from './settings.ts';

/** Has the daemon verify a stored report, stores the result, and gives the exit code. */
export async function verify(settings: TestclientSettings): Promise<number> {
  const files = reportFiles(settings);
  const nonce = await readSettingFile(files.nonce, 'nonce');
  const report = await readSettingFile(files.report, 'report');
  const { policies } = await readConnectionFiles(settings);
  const { result } = await withDaemon(settings, (cmc) =>
    cmc.verify({ nonce, report, ...(policies && { policies }) }, { signal: deadline(settings) }),
  );
  const resultFile = settings.result ?? 'attestation-result.json';
  const json = encodeStruct(attestationResultSchema, result, 'json');
  await writeFileAtomic(resultFile, json, { mode: 0o644 });
  const { status } = result.summary;
  const reasons = explain(result);
  print(settings, { status, reasons, result: resultFile }, [
    ...reasons,
    `Result written to ${resultFile}.`,
  ]);
  return status === 'success' || status === 'warn' ? EXIT.success : EXIT.attestationFailed;
}
