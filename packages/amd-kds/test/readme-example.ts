import { createKdsClient, type KdsClient } from '@cmc/amd-kds';
import { decodeTcb, parseSnpReport, productOfReport } from '@cmc/attestationreport/snp';

/** Certificate of the chip that made an attestation report, DER. */
export async function vcekOf(bytes: Uint8Array, kds: KdsClient): Promise<Uint8Array> {
  const report = parseSnpReport(bytes);
  const product = productOfReport(report) ?? 'Milan';
  const tcb = decodeTcb(report.reportedTcb, product);
  const { raw } = await kds.vcek({ product, chipId: report.chipId, tcb });
  return raw;
}

export const kds = await createKdsClient({ cacheDirectory: 'kds' });
