import { createSwDriver } from '@cmc/driver-sw';
import type { CmcMeasurer } from '../cmc/create-cmc.ts';
import { CmcdError } from '../errors.ts';
import type { DriverContext } from './drivers.ts';

/** The software driver over the container log. @throws {CmcdError} ERR_CMCD_NO_CONTAINER_LOG */
export async function openSwDriver(context: DriverContext): Promise<CmcMeasurer> {
  const { containerLog, config } = context;
  const { storage } = config;
  if (containerLog === undefined) {
    throw new CmcdError('ERR_CMCD_NO_CONTAINER_LOG', 'driver sw needs a container log');
  }
  return await createSwDriver({ containerLog, ...(storage === undefined ? {} : { storage }) });
}
