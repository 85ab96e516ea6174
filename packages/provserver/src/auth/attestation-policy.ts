import { parseRevocationLists } from '@cmc/attestationreport/snp';
import { encodePem } from '@cmc/attestationreport/x509';
import type { Logger } from '@cmc/bytes';
import { ConfigError } from '@cmc/host';
import { createPublisher, publishEntries } from '@cmc/publish';
import { openChangingFiles } from '../config/changing-files.ts';
import { readCertificates, readImaKeys } from '../config/key-files.ts';
import type { ProvserverConfig } from '../config/schema.ts';
import type { Store } from '../store/store.ts';
import type { AttestationPolicy } from './attestation-method.ts';
import { PUBLISH_TIMEOUT_MS } from './limits.ts';
import { createMetadataVersions } from './metadata-versions.ts';

export interface AttestationPolicyParts {
  readonly store: Store;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** What the settings demand of reports. @throws {CmcError} a setting or a file of it */
export async function createAttestationPolicy(
  config: ProvserverConfig,
  { store, logger, now }: AttestationPolicyParts,
): Promise<AttestationPolicy> {
  const { minimumMetadataSigners, allowedNames = [], spkiNonce = 'refuse' } = config;
  const { imaKeys, snpCrls } = config;
  const publisher = await createPublish(config, logger);
  return {
    allowedNames,
    spkiNonce,
    verify: {
      metadataRoots: await readCertificates(config.rootCas, 'rootCas'),
      checkOmsp: config.useOmsp ?? false,
      requireOmsp: config.requireOmsp ?? false,
      requireReportSignature: config.requireReportSignature ?? false,
      ...(minimumMetadataSigners === undefined ? {} : { minimumMetadataSigners }),
      tpmAllowTlsKeys: config.tpmAllowTlsKeys ?? false,
      tpmAllowUncheckedBootAggregate: config.tpmAllowUncheckedBootAggregate ?? false,
      ...(imaKeys === undefined ? {} : { imaKeys: await readImaKeys(imaKeys) }),
    },
    ...(snpCrls === undefined
      ? {}
      : { snpRevocationLists: await openSnpCrls(snpCrls, { logger, now }) }),
    ...(config.allowOlderMetadata === true
      ? {}
      : { metadataVersions: createMetadataVersions({ store, logger }) }),
    ...(publisher === undefined ? {} : { publish: publisher }),
  };
}

/** What gives the lists that are in files. @throws {ProvError} */
async function openSnpCrls(
  paths: readonly string[],
  { logger, now }: Pick<AttestationPolicyParts, 'logger' | 'now'>,
): Promise<() => Promise<readonly Uint8Array[]>> {
  const parse = (content: Uint8Array, path: string): readonly Uint8Array[] =>
    parseRevocationLists(content).map(({ raw, nextUpdate }) => {
      if (nextUpdate < now()) {
        // Another one may come before the next report: no reason not to start.
        const message = 'a revocation list is out of date: SNP reports will fail';
        logger.warn({ path, nextUpdate }, message);
      }
      return raw;
    });
  const lists = await openChangingFiles(paths, 'snpCrls', parse, logger);
  return async () => await lists.current();
}

/** What sends results where the settings say, if they say it. @throws {ConfigError} */
async function createPublish(
  config: ProvserverConfig,
  logger: Logger,
): Promise<AttestationPolicy['publish']> {
  if (Object.keys(publishEntries).every((key) => !Object.hasOwn(config, key))) return undefined;
  const roots = await readCertificates(config.rootCas, 'rootCas');
  try {
    const publisher = createPublisher({
      ...config,
      logger,
      roots: roots.map(({ raw }) => encodePem(raw, 'CERTIFICATE')),
      timeoutMs: PUBLISH_TIMEOUT_MS,
    });
    return async (result, signal) => void (await publisher.publish(result, { signal }));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ConfigError('ERR_CONFIG_VALUE', cause.message, { cause });
  }
}
