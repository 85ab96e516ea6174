import { join } from 'node:path';
import { parseImaKeys } from '@cmc/attestationreport';
import type { Certificate } from '@cmc/attestationreport/x509';
import type { Logger } from '@cmc/bytes';
import { readSettingFiles } from '@cmc/host';
import type { CmcDemands } from '../cmc/demands.ts';
import { openMetadataVersions } from '../cmc/metadata-versions.ts';
import { openTpmClocks } from '../cmc/tpm-clocks.ts';
import type { CmcdConfig } from '../config/schema.ts';
import { readRoots } from './roots.ts';

/** What the settings demand of reports. `storage` has to be there. @throws {CmcError} */
export async function readDemands(
  config: CmcdConfig,
  context: { readonly metadataRoots: readonly Certificate[]; readonly logger: Logger },
): Promise<CmcDemands> {
  const { metadataRoots, logger } = context;
  const { storage, minimumMetadataSigners, reportRoots, imaKeys, snpCrls } = config;
  const fileOf = (name: string): { readonly file?: string } =>
    storage === undefined ? {} : { file: join(storage, name) };
  return {
    metadataRoots,
    ...(config.policyEngine === 'none' ? { policyEngine: false } : {}),
    policyOverwrite: config.policyOverwrite ?? false,
    checkOmsp: config.requireOmsp ?? config.useOmsp ?? false,
    requireOmsp: config.requireOmsp ?? false,
    requireReportSignature: config.requireReportSignature ?? false,
    ...(reportRoots === undefined
      ? {}
      : { reportRoots: (await readRoots(reportRoots, logger, 'reportRoots')).certificates }),
    ...(minimumMetadataSigners === undefined ? {} : { minimumMetadataSigners }),
    metadataVersions:
      config.allowOlderMetadata === true
        ? false
        : await openMetadataVersions({ logger, ...fileOf('metadata-versions.json') }),
    tpmClocks:
      config.allowOlderTpmClock === true
        ? false
        : await openTpmClocks({ logger, ...fileOf('tpm-clocks.json') }),
    tpmAllowTlsKeys: config.tpmAllowTlsKeys ?? false,
    tpmAllowUncheckedBootAggregate: config.tpmAllowUncheckedBootAggregate ?? false,
    ...(imaKeys === undefined
      ? {}
      : { imaKeys: await readSettingFiles(imaKeys, 'imaKeys', parseImaKeys) }),
    ...(snpCrls === undefined
      ? {}
      : {
          snpRevocationLists: async () =>
            await (await import('./snp-crls.ts')).readSnpCrls(snpCrls, logger),
        }),
  };
}
