import type { Component } from '@cmc/attestationreport';
import { CmcError } from '@cmc/bytes';
import { parseEventLog, replay } from '@cmc/eventlog';
import { TpmDriverError } from '../errors.ts';
import { type FirmwareEvent, firmwareEvents } from './firmware-events.ts';
import { readLog } from './read-log.ts';
import type { Bank, LogSnapshot } from './snapshot.ts';

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The firmware's log, whose events are of one bank. Read anew each time: it is short, and what a
 * boot loader appends late counts, too. No log is as one without events.
 * @throws {TpmDriverError} ERR_TPM_DRIVER_LOG, ERR_TPM_DRIVER_BANK
 */
export async function readFirmwareLog(path: string, bank: Bank): Promise<LogSnapshot> {
  const bytes = await readLog(path, MAX_BYTES);
  if (bytes === undefined || bytes.length === 0) {
    return { events: new Map(), values: new Map(), length: 0 };
  }
  try {
    const log = parseEventLog(bytes);
    const values = replay(log, bank);
    return { events: byPcr(firmwareEvents(log, { banks: [bank] })), values, length: bytes.length };
  } catch (cause) {
    if (!(cause instanceof CmcError)) throw cause;
    const isBank = cause.code === 'ERR_EVENTLOG_BANK';
    const code = isBank ? 'ERR_TPM_DRIVER_BANK' : 'ERR_TPM_DRIVER_LOG';
    throw new TpmDriverError(code, `${path}: ${cause.message}`, { cause });
  }
}

/** The events of each PCR. */
function byPcr(all: readonly FirmwareEvent[]): ReadonlyMap<number, readonly Component[]> {
  const events = new Map<number, Component[]>();
  for (const { pcr, event } of all) {
    const ofPcr = events.get(pcr) ?? [];
    ofPcr.push(event);
    events.set(pcr, ofPcr);
  }
  return events;
}
