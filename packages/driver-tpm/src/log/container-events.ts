import type { Artifact, WaitOptions } from '@cmc/attestationreport';
import { resetValue } from '@cmc/eventlog';
import { TpmDriverError } from '../errors.ts';
import { type Bank, digestIn, extendAll, type LogSnapshot } from './snapshot.ts';

/** A log of containers: `openContainerLog` of @cmc/driver-sw is one. */
export interface ReadableContainerLog {
  read(options?: WaitOptions): Promise<Artifact | undefined>;
}

/** What was measured of containers. @throws {TpmDriverError} ERR_TPM_DRIVER_CONTAINER_LOG */
export async function readContainerEvents(
  log: ReadableContainerLog | undefined,
  bank: Bank,
  options: WaitOptions,
): Promise<LogSnapshot> {
  const artifact = await log?.read(options);
  if (artifact === undefined) return { events: new Map(), values: new Map(), length: 0 };
  const { index: pcr, events = [] } = artifact;
  if (events.some((event) => digestIn(event, bank) === undefined)) {
    throw new TpmDriverError(
      'ERR_TPM_DRIVER_CONTAINER_LOG',
      `containers are measured in bank SHA-256, ${bank} is quoted`,
    );
  }
  const value = extendAll(resetValue(pcr, bank), events, bank);
  return {
    events: new Map([[pcr, events]]),
    values: new Map([[pcr, value]]),
    length: events.length,
  };
}
