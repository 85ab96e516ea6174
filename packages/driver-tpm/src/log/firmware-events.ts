import type { Component } from '@cmc/attestationreport';
import { extractCertificate, parseCertificate } from '@cmc/attestationreport/x509';
import {
  type EventLog,
  EventType,
  type HashName,
  initialValue,
  type LogEvent,
  parseEventData,
  requireDigest,
} from '@cmc/eventlog';
import { pcrEvent } from './pcr-event.ts';

/** Stands before the events of a PCR: what it starts from. */
const INIT_VALUE = 'TPM_PCR_INIT_VALUE';

export interface FirmwareEventsOptions {
  /** Banks whose digests the events have, in this order. */
  readonly banks: readonly HashName[];
  /** Default: all. */
  readonly pcrs?: readonly number[];
  /** Adds the readable form of the event data, certificates included. Default: no. */
  readonly eventData?: boolean;
}

/** An event, and the PCR that it was extended into. */
export interface FirmwareEvent {
  readonly pcr: number;
  readonly event: Component;
}

/**
 * The events of a firmware log as reports and reference values have them, in the order of the log,
 * the start value of each PCR before its first.
 * @throws {CmcError} `ERR_EVENTLOG_BANK`: an event has no digest of a bank
 */
export function firmwareEvents(
  log: EventLog,
  { banks, pcrs, eventData = false }: FirmwareEventsOptions,
): readonly FirmwareEvent[] {
  const started = new Set<number>();
  const events: FirmwareEvent[] = [];
  for (const logged of log.events) {
    const { pcr } = logged;
    if (logged.type === EventType.NO_ACTION || pcrs?.includes(pcr) === false) continue;
    if (!started.has(pcr)) {
      started.add(pcr);
      const hashes = banks.map((alg) => ({ alg, content: initialValue(log, pcr, alg) }));
      events.push({ pcr, event: pcrEvent(pcr, { name: INIT_VALUE, hashes }) });
    }
    events.push({ pcr, event: firmwareEvent(logged, banks, eventData) });
  }
  return events;
}

function firmwareEvent(logged: LogEvent, banks: readonly HashName[], withData: boolean): Component {
  const hashes = banks.map((alg) => ({ alg, content: requireDigest(logged, alg) }));
  const eventdata = parseEventData(
    logged,
    withData ? { readCertificate: (der) => extractCertificate(parseCertificate(der)) } : {},
  );
  const { stringcontent } = eventdata;
  return pcrEvent(logged.pcr, {
    name: logged.typeName,
    hashes,
    ...(stringcontent === undefined ? {} : { description: stringcontent }),
    ...(withData ? { eventdata } : {}),
  });
}
