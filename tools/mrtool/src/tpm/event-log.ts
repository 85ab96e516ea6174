import type { Component } from '@cmc/attestationreport';
import { CmcError } from '@cmc/bytes';
import { firmwareEvents } from '@cmc/driver-tpm/log';
import { digestOf, type EventLog, EventType, type HashName } from '@cmc/eventlog';
import { MrError } from '../errors.ts';

export interface EventLogComponentsOptions {
  /** Digests of these banks. Default: all that every event has; SHA-1 only where it is alone. */
  readonly banks?: readonly HashName[];
  /** Default: all. */
  readonly pcrs?: readonly number[];
  /** Adds the readable form of the event data. Default: no. */
  readonly eventData?: boolean;
}

/**
 * Reference components for the events of a firmware log, in their order, the start value of each PCR
 * before its first.
 * @throws {MrError} ERR_MR_INPUT: the log, or an event, has no digest of a bank
 */
export function eventLogComponents(
  log: EventLog,
  options: EventLogComponentsOptions = {},
): readonly Component[] {
  const banks = options.banks ?? defaultBanks(log);
  try {
    return firmwareEvents(log, { ...options, banks }).map(({ event }) => event);
  } catch (cause) {
    if (!(cause instanceof CmcError) || cause.code !== 'ERR_EVENTLOG_BANK') throw cause;
    throw new MrError('ERR_MR_INPUT', cause.message, { cause });
  }
}

/** Logs may declare banks whose digests their events do not have. */
function defaultBanks({ algorithms, events }: EventLog): readonly HashName[] {
  const extending = events.filter(({ type }) => type !== EventType.NO_ACTION);
  const banks = algorithms
    .flatMap(({ bank }) => bank ?? [])
    .filter((bank) => extending.every((event) => digestOf(event, bank) !== undefined));
  const strong = banks.filter((bank) => bank !== 'SHA-1');
  return strong.length === 0 ? banks : strong;
}
