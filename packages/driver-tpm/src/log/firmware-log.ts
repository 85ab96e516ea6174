import type { Component } from '@cmc/attestationreport';
import { CmcError } from '@cmc/bytes';
import {
  digestOf,
  type EventLog,
  EventType,
  initialValue,
  type LogEvent,
  parseEventData,
  parseEventLog,
  replay,
} from '@cmc/eventlog';
import { TpmDriverError } from '../errors.ts';
import { pcrEvent } from './pcr-event.ts';
import { readLog } from './read-log.ts';
import type { Bank, LogSnapshot } from './snapshot.ts';

/** Stands before the events of a PCR: what it starts from. */
const INIT_VALUE = 'TPM_PCR_INIT_VALUE';
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
    return { events: eventsOf(log, bank), values: replay(log, bank), length: bytes.length };
  } catch (cause) {
    if (!(cause instanceof CmcError)) throw cause;
    const isBank = cause.code === 'ERR_EVENTLOG_BANK';
    const code = isBank ? 'ERR_TPM_DRIVER_BANK' : 'ERR_TPM_DRIVER_LOG';
    throw new TpmDriverError(code, `${path}: ${cause.message}`, { cause });
  }
}

function eventsOf(log: EventLog, bank: Bank): ReadonlyMap<number, readonly Component[]> {
  const events = new Map<number, Component[]>();
  for (const event of log.events) {
    const content = digestOf(event, bank);
    if (event.type === EventType.NO_ACTION || content === undefined) continue;
    const ofPcr = events.get(event.pcr) ?? [startOf(log, event.pcr, bank)];
    ofPcr.push(componentOf(event, bank, content));
    events.set(event.pcr, ofPcr);
  }
  return events;
}

function startOf(log: EventLog, pcr: number, bank: Bank): Component {
  const hashes = [{ alg: bank, content: initialValue(log, pcr, bank) }];
  return pcrEvent(pcr, { name: INIT_VALUE, hashes });
}

function componentOf(event: LogEvent, bank: Bank, content: Uint8Array): Component {
  const { stringcontent } = parseEventData(event);
  return pcrEvent(event.pcr, {
    name: event.typeName,
    hashes: [{ alg: bank, content }],
    ...(stringcontent === undefined ? {} : { description: stringcontent }),
  });
}
