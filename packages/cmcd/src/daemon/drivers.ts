import type { Logger } from '@cmc/bytes';
import type { ContainerLog } from '@cmc/driver-sw';
import type { TpmAccess } from '@cmc/driver-tpm';
import type { CmcMeasurer } from '../cmc/create-cmc.ts';
import type { DriverSettingName } from '../config/driver-settings.ts';
import type { CmcdConfig, DriverName } from '../config/schema.ts';
import { CmcdError } from '../errors.ts';

/** What drivers are opened with. */
export interface DriverContext {
  /** Folder of the daemon's state, and the settings that are for drivers. */
  readonly config: Pick<
    CmcdConfig,
    DriverSettingName | 'drivers' | 'storage' | 'ctrDriver' | 'enrollmentAddr' | 'provisionToken'
  >;
  readonly containerLog?: ContainerLog;
  /** Of driver tpm. */
  readonly tpm?: TpmAccess;
  /** Name of this computer. */
  readonly name: string | Promise<string>;
  /** Hash of reports, and with it the bank of PCRs. */
  readonly hashAlg: 'SHA-256' | 'SHA-384' | 'SHA-512';
  /** Whom to trust about servers of endorsements, PEM. */
  readonly httpsRoots: readonly string[];
  readonly logger: Logger;
}

type OpenDriver = (context: DriverContext) => Promise<CmcMeasurer>;

/** How each driver is opened, and loaded only then; as config/driver-settings.ts says they are there. */
const DRIVERS: Readonly<Partial<Record<DriverName, OpenDriver>>> = Object.freeze({
  tpm: async (context) => (await import('./tpm-driver.ts')).openTpmDriver(context),
  snp: async (context) => (await import('./snp-driver.ts')).openSnpDriver(context),
  sw: async (context) => (await import('./sw-driver.ts')).openSwDriver(context),
});

/** Opens drivers in their order. @throws {CmcdError} ERR_CMCD_NOT_AVAILABLE */
export async function openDrivers(
  names: readonly DriverName[],
  context: DriverContext,
): Promise<readonly CmcMeasurer[]> {
  const measurers: CmcMeasurer[] = [];
  for (const name of names) {
    const open = DRIVERS[name];
    if (open === undefined) {
      throw new CmcdError('ERR_CMCD_NOT_AVAILABLE', `driver ${name} is not in this version`);
    }
    measurers.push(await open(context));
  }
  return measurers;
}
