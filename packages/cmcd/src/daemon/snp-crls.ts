import { parseRevocationLists } from '@cmc/attestationreport/snp';
import type { Logger } from '@cmc/bytes';
import { readSettingFiles } from '@cmc/host';

/** The revocation lists (DER) of files, PEM or DER. @throws {ConfigError} */
export async function readSnpCrls(
  paths: readonly string[],
  logger: Logger,
): Promise<readonly Uint8Array[]> {
  const lists: Uint8Array[] = [];
  for (const path of paths) {
    for (const { raw, nextUpdate } of await readSettingFiles(
      [path],
      'snpCrls',
      parseRevocationLists,
    )) {
      lists.push(raw);
      if (nextUpdate.getTime() >= Date.now()) continue;
      // Another one may come before the next report: no reason not to start.
      logger.warn({ path, nextUpdate }, 'a revocation list is out of date: SNP reports will fail');
    }
  }
  return lists;
}
