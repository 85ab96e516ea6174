import { createKdsClient, type KdsClient } from '@cmc/amd-kds';
import { createSnpDriver, openReportSource } from '@cmc/driver-snp';
import type { CmcMeasurer } from '../cmc/create-cmc.ts';
import type { DriverContext } from './drivers.ts';

/** The driver of an SEV-SNP guest. @throws {SnpDriverError} ERR_SNP_UNAVAILABLE this is none */
export async function openSnpDriver(context: DriverContext): Promise<CmcMeasurer> {
  const { config, logger } = context;
  const { vmpl, storage } = config;
  const source = await openReportSource();
  const endorser = await openEndorser(context);
  return createSnpDriver({
    source,
    ...(endorser === undefined ? {} : { endorser }),
    ...(vmpl === undefined ? {} : { vmpl }),
    ...(storage === undefined ? {} : { storage }),
    logger,
  });
}

/** Who gives certificates that the host does not; nobody in mode `host`. */
async function openEndorser({
  config,
  httpsRoots,
  logger,
}: DriverContext): Promise<KdsClient | undefined> {
  const { endorsementMode, endorsementAddr = '', vendorCache } = config;
  const cache = vendorCache === undefined ? {} : { cacheDirectory: vendorCache };
  switch (endorsementMode) {
    case 'direct':
      // The service of AMD has a certificate of a public authority.
      return await createKdsClient({ ...cache, logger });
    case 'cps':
      return await createKdsClient({
        ...cache,
        logger,
        baseUrl: endorsementAddr,
        allowedHosts: [new URL(endorsementAddr).host],
        tlsRoots: httpsRoots,
      });
    default:
      return undefined;
  }
}
