import type { ContainerLog } from '@cmc/driver-sw';
import type { CmcMeasurer } from '../cmc/create-cmc.ts';
import type { DriverName } from '../config/schema.ts';
import { CmcdError } from '../errors.ts';

/** What drivers are opened with. */
export interface DriverContext {
  /** Folder of the daemon's state. */
  readonly storage?: string;
  readonly containerLog?: ContainerLog;
}

type OpenDriver = (context: DriverContext) => Promise<CmcMeasurer>;

/** The drivers of this version; each is loaded when it is used. */
const DRIVERS: Readonly<Partial<Record<DriverName, OpenDriver>>> = Object.freeze({
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
