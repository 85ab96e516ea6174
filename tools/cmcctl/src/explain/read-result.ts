import type { AttestationResult } from '@cmc/attestationreport';
import { attestationResultSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { DecodeError } from '@cmc/bytes';
import { readSettingFile, UsageError } from '@cmc/host';
import { readNonce } from '../nonce.ts';
import type { CmcctlSettings } from '../settings.ts';
import { archiveTime } from '../time.ts';
import { verifyAll } from '../verify/verify-all.ts';

const RESULT_TYPE = 'Attestation Result';

/** The attestation result in `bytes`, JSON or CBOR, or `undefined`: then they are something else. */
export function decodeResult(bytes: Uint8Array): AttestationResult | undefined {
  try {
    const { value } = decodeStruct(attestationResultSchema, bytes);
    return value.type === RESULT_TYPE ? value : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/**
 * The result in a file, or the verdict on the report in it: with `root-cas` in this process,
 * otherwise by the daemon. @throws {UsageError} a report without nonce
 */
export async function readResult(
  file: string,
  settings: CmcctlSettings,
): Promise<AttestationResult> {
  const bytes = new Uint8Array(await readSettingFile(file, 'file'));
  const result = decodeResult(bytes);
  if (result !== undefined) return result;
  const [nonce, more] = settings.nonce ?? [];
  if (nonce === undefined || more !== undefined) {
    throw new UsageError(`${file} is no attestation result; to explain a report, give one nonce`);
  }
  const standalone = settings.standalone ?? settings.rootCas !== undefined;
  const input = { file, report: bytes, nonce: await readNonce(nonce) };
  const [verdict] = await verifyAll([input], { ...settings, standalone }, archiveTime(settings));
  if (verdict?.result === undefined) throw new UsageError(`${file}: there is no verdict`);
  return verdict.result;
}

/** Whether a result accepts its report. */
export function isAccepted({ summary }: AttestationResult): boolean {
  return summary.status === 'success' || summary.status === 'warn';
}
