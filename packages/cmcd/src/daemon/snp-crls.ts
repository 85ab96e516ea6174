import { parseRevocationList } from '@cmc/attestationreport/snp';
import { parsePemBlocks } from '@cmc/attestationreport/x509';
import { decodeUtf8, type Logger } from '@cmc/bytes';
import { ConfigError, readSettingFile } from '@cmc/host';
import { isPem } from './roots.ts';

/** The revocation lists (DER) of files, PEM or DER. @throws {ConfigError} */
export async function readSnpCrls(
  paths: readonly string[],
  logger: Logger,
): Promise<readonly Uint8Array[]> {
  const lists: Uint8Array[] = [];
  for (const path of paths) lists.push(...(await readLists(path, logger)));
  return lists;
}

async function readLists(path: string, logger: Logger): Promise<readonly Uint8Array[]> {
  const content = new Uint8Array(await readSettingFile(path, 'snpCrls'));
  try {
    const lists = isPem(content) ? parsePemBlocks(decodeUtf8(content), 'X509 CRL') : [content];
    for (const { nextUpdate } of lists.map(parseRevocationList)) {
      if (nextUpdate.getTime() >= Date.now()) continue;
      // Another one may come before the next report: no reason not to start.
      logger.warn({ path, nextUpdate }, 'a revocation list is out of date: SNP reports will fail');
    }
    return lists;
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_VALUE', `snpCrls: ${path} holds no revocation list`, {
      cause,
    });
  }
}
