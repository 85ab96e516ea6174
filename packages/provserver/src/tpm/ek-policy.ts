import { parseRevocationLists } from '@cmc/attestationreport/snp';
import type { Logger } from '@cmc/bytes';
import { openChangingFiles } from '../config/changing-files.ts';
import { readTextFile } from '../config/key-files.ts';
import type { ProvserverConfig } from '../config/schema.ts';
import { ProvError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { EkDownloads } from './ek-download.ts';
import type { EkPolicy } from './endorsement-key.ts';

const MAX_REVOKED = 1_000_000;
/** A digest; what follows a `#` is a remark. */
const LINE = /^(?:([0-9a-f]{64})\s*)?(?:#.*)?$/i;

/**
 * What the settings demand of endorsement keys. That certificates are not verified is logged and
 * audited at every start. @throws {ProvError} ERR_PROV_CONFIG
 */
export async function createEkPolicy(
  config: Pick<ProvserverConfig, 'verifyEkCert' | 'fetchEkCertificates' | 'revokedEks' | 'ekCrls'>,
  { store, logger, now }: { readonly store: Store; readonly logger: Logger; readonly now: Date },
): Promise<EkPolicy> {
  const { verifyEkCert: verifyCertificate = true, fetchEkCertificates = false, ekCrls } = config;
  if (ekCrls !== undefined && !verifyCertificate) {
    throw new ProvError('ERR_PROV_CONFIG', 'ekCrls: verifyEkCert is off, nothing would be checked');
  }
  if (!verifyCertificate) {
    logger.error({}, 'verifyEkCert is off: whoever wants to is taken for a TPM');
    await store.audit({ action: 'ek-verification-off', subject: 'verifyEkCert' }, now);
  }
  return {
    verifyCertificate,
    revoked: await readRevoked(config.revokedEks ?? []),
    ...(ekCrls === undefined
      ? {}
      : { crls: await openChangingFiles(ekCrls, 'ekCrls', parseRevocationLists, logger) }),
    ...(fetchEkCertificates ? { downloads: new EkDownloads() } : {}),
  };
}

/** Lower-case digests in files, one a line. @throws {ProvError} */
async function readRevoked(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const revoked = new Set<string>();
  for (const path of paths) {
    const lines = (await readTextFile(path, 'revokedEks')).split('\n');
    for (const [index, line] of lines.entries()) {
      const match = LINE.exec(line.trim());
      if (match === null || revoked.size === MAX_REVOKED) {
        const problem = match === null ? 'not the hex SHA-256 of a key' : 'too many lines';
        throw new ProvError('ERR_PROV_CONFIG', `revokedEks: ${path}:${index + 1}: ${problem}`);
      }
      if (match[1] !== undefined) revoked.add(match[1].toLowerCase());
    }
  }
  return revoked;
}
