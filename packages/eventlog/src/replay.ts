import { CmcError } from '@cmc/bytes';
import { digest, digestSize, type HashName } from '@cmc/bytes/hash';
import { algorithmId } from './algorithms.ts';
import type { EventLog, LogEvent } from './event-log.ts';
import { EventType } from './event-types.ts';

/** PCRs that only a dynamic launch resets: all ones until then. */
const FIRST_DRTM_PCR = 17;
const LAST_DRTM_PCR = 22;

/** The digest of an event in a bank, `undefined` when the record has none. */
export function digestOf(event: LogEvent, bank: HashName): Uint8Array | undefined {
  const id = algorithmId(bank);
  return event.digests.find(({ algorithm }) => algorithm === id)?.value;
}

/**
 * The digest of an event in a bank.
 * @throws {CmcError} `ERR_EVENTLOG_BANK`: the record has none
 */
export function requireDigest(event: LogEvent, bank: HashName): Uint8Array {
  const value = digestOf(event, bank);
  if (value !== undefined) return value;
  throw new CmcError('ERR_EVENTLOG_BANK', `event ${event.index} has no ${bank} digest`);
}

/** Value of a PCR that nothing was extended into: zeros, or ones where a dynamic launch resets it. */
export function resetValue(pcr: number, bank: HashName): Uint8Array {
  const isDrtm = pcr >= FIRST_DRTM_PCR && pcr <= LAST_DRTM_PCR;
  return new Uint8Array(digestSize(bank)).fill(isDrtm ? 0xff : 0);
}

/** First value of a register: as reset, with the start-up locality in the last byte of PCR 0. */
export function initialValue(log: EventLog, pcr: number, bank: HashName): Uint8Array {
  if (log.kind === 'ccel') return new Uint8Array(digestSize(bank));
  const value = resetValue(pcr, bank);
  if (pcr === 0) value[value.length - 1] = log.startupLocality;
  return value;
}

/**
 * The value of every register that the log extends, in one bank.
 * @throws {CmcError} `ERR_EVENTLOG_BANK`: the log, or one of its events, has no digests of the bank
 */
export function replay(log: EventLog, bank: HashName): ReadonlyMap<number, Uint8Array> {
  if (!log.algorithms.some((algorithm) => algorithm.bank === bank)) {
    throw new CmcError('ERR_EVENTLOG_BANK', `the log has no ${bank} digests`);
  }
  const size = digestSize(bank);
  const registers = new Map<number, Uint8Array>();
  const extended = new Uint8Array(2 * size);
  for (const event of log.events) {
    if (event.type === EventType.NO_ACTION) continue;
    extended.set(registers.get(event.pcr) ?? initialValue(log, event.pcr, bank));
    extended.set(requireDigest(event, bank), size);
    registers.set(event.pcr, digest(bank, extended));
  }
  return registers;
}
