import type { Component, ReferenceHash } from '@cmc/attestationreport';
import { extractCertificate, parseCertificate } from '@cmc/attestationreport/x509';
import {
  digestOf,
  type EventLog,
  EventType,
  type HashName,
  initialValue,
  type LogEvent,
  parseEventData,
} from '@cmc/eventlog';
import { MrError } from '../errors.ts';
import { tpmComponent } from './components.ts';

/** Stands before the events of a PCR: what it starts from. */
const INIT_VALUE = 'TPM_PCR_INIT_VALUE';

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
  const seen = new Set<number>();
  const components: Component[] = [];
  for (const event of log.events) {
    const { pcr } = event;
    if (event.type === EventType.NO_ACTION || options.pcrs?.includes(pcr) === false) continue;
    if (!seen.has(pcr)) {
      seen.add(pcr);
      const hashes = banks.map((alg) => ({ alg, content: initialValue(log, pcr, alg) }));
      components.push(tpmComponent(pcr, { name: INIT_VALUE, hashes }));
    }
    components.push(componentOf(event, banks, options.eventData === true));
  }
  return components;
}

function componentOf(event: LogEvent, banks: readonly HashName[], eventData: boolean): Component {
  const hashes = banks.map((bank) => hashIn(event, bank));
  const data = parseEventData(event, {
    readCertificate: (der) => extractCertificate(parseCertificate(der)),
  });
  const { stringcontent } = data;
  return tpmComponent(event.pcr, {
    name: event.typeName,
    hashes,
    ...(stringcontent === undefined ? {} : { description: stringcontent }),
    ...(eventData ? { eventdata: data } : {}),
  });
}

function hashIn(event: LogEvent, alg: HashName): ReferenceHash {
  const content = digestOf(event, alg);
  if (content !== undefined) return { alg, content };
  throw new MrError('ERR_MR_INPUT', `event ${event.index} has no ${alg} digest`);
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
