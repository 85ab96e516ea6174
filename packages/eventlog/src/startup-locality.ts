import { DecodeError, encodeUtf8, equalBytes } from '@cmc/bytes';
import type { LogEvent } from './event-log.ts';
import { EventType } from './event-types.ts';

const SIGNATURE = encodeUtf8('StartupLocality\0');
/** Locality that H-CRTM measurements are made at, before TPM2_Startup. */
const HCRTM_LOCALITY = 4;
const LOCALITIES: readonly number[] = [0, 3, HCRTM_LOCALITY];

/**
 * Locality that started the TPM: 4 after an H-CRTM event, what a StartupLocality event says, else 0.
 * Such an event counts only once and before anything was extended into PCR 0 (PC Client Platform
 * Firmware Profile, 10.4.5.3): a later one would be no statement on how the TPM started. Other
 * records that extend nothing may precede it: a crypto-agile log starts with one, and firmware
 * writes SP 800-155 records before it. A false locality only makes the replay differ from the quote.
 * @throws {DecodeError} at another place, twice, or with an impossible locality
 */
export function startupLocality(events: readonly LogEvent[]): number {
  let stated: number | undefined;
  let measured: LogEvent | undefined;
  for (const event of events) {
    if (event.type !== EventType.NO_ACTION) {
      if (event.pcr === 0) measured ??= event;
    } else if (equalBytes(event.data.subarray(0, SIGNATURE.length), SIGNATURE)) {
      if (event.pcr !== 0) refuse(event, `in PCR ${event.pcr}, not PCR 0`);
      if (stated !== undefined) refuse(event, 'a second time');
      if (measured !== undefined) refuse(event, `after event ${measured.index} was extended`);
      stated = localityOf(event);
    }
  }
  const isHcrtm = measured?.type === EventType.EFI_HCRTM_EVENT;
  if (isHcrtm && measured !== undefined && stated !== undefined && stated !== HCRTM_LOCALITY) {
    refuse(measured, `${stated}, but H-CRTM measures at locality ${HCRTM_LOCALITY}`);
  }
  return isHcrtm ? HCRTM_LOCALITY : (stated ?? 0);
}

function localityOf(event: LogEvent): number {
  const locality = event.data[SIGNATURE.length];
  if (locality === undefined || event.data.length !== SIGNATURE.length + 1) {
    refuse(event, `with ${event.data.length} bytes`);
  }
  if (!LOCALITIES.includes(locality)) refuse(event, `${locality}, expected 0, 3 or 4`);
  return locality;
}

function refuse(event: LogEvent, what: string): never {
  throw new DecodeError('ERR_DECODE_VALUE', `start-up locality ${what}`, {
    path: ['eventlog', `events[${event.index}]`],
    offset: event.offset,
  });
}
