import { ByteReader } from '@cmc/bytes';
import { digestSize } from '@cmc/bytes/hash';
import { algorithmId } from './algorithms.ts';
import type {
  EventDigest,
  EventLog,
  LogAlgorithm,
  LogEvent,
  ParseEventLogOptions,
} from './event-log.ts';
import { EventType, eventTypeName, isKnownEventType } from './event-types.ts';
import { isSpecId, parseSpecId } from './spec-id.ts';
import { startupLocality } from './startup-locality.ts';

const MAX_LOG_BYTES = 16 * 1024 * 1024;
const MAX_EVENTS = 65_536;
const MAX_EVENT_BYTES = 4 * 1024 * 1024;
const LAST_PCR = 23;
/** MRTD and RTMR 0-3. */
const LAST_MEASUREMENT_REGISTER = 4;
const SHA1_ONLY: readonly LogAlgorithm[] = [
  { id: algorithmId('SHA-1'), size: digestSize('SHA-1'), bank: 'SHA-1' },
];
/** Shortest run of zero bytes at the start of a record that is padding: pcr, type and count. */
const ZERO_RECORD_BYTES = 12;

/**
 * The records of a TCG PC Client event log or CCEL, with nothing left over (a CCEL may be padded).
 * Event types are not judged: unknown ones are kept.
 * @throws {DecodeError} malformed, cut off, over a limit, or with an impossible start-up locality
 */
export function parseEventLog(bytes: Uint8Array, options: ParseEventLogOptions = {}): EventLog {
  const {
    maxBytes = MAX_LOG_BYTES,
    maxEvents = MAX_EVENTS,
    maxEventBytes = MAX_EVENT_BYTES,
  } = options;
  const isCcel = options.format === 'ccel';
  const reader = new ByteReader(bytes, 'eventlog', 'little');
  if (bytes.length > maxBytes) {
    reader.fail('ERR_DECODE_LIMIT', `${bytes.length} bytes of log, at most ${maxBytes}`);
  }
  const lastRegister = isCcel ? LAST_MEASUREMENT_REGISTER : LAST_PCR;
  const limits = { maxEventBytes, lastRegister };
  const first = readSha1Event(reader, 0, limits);
  const events: LogEvent[] = [first];
  const warnings: string[] = [];
  const isAgile = first.type === EventType.NO_ACTION && isSpecId(first.data);
  if (isCcel && !isAgile) {
    reader.fail('ERR_DECODE_FORMAT', 'a CCEL starts with a Spec ID Event03');
  }
  const algorithms = isAgile ? parseSpecId(first.data) : SHA1_ONLY;
  const sizes = new Map(algorithms.map(({ id, size }) => [id, size]));
  let length = reader.position;
  while (reader.remaining > 0 && !(isCcel && isPadding(bytes, reader.position))) {
    if (events.length >= maxEvents) {
      reader.fail('ERR_DECODE_LIMIT', `more than ${maxEvents} events`);
    }
    events.push(
      isAgile
        ? readAgileEvent(reader, events.length, sizes, limits)
        : readSha1Event(reader, events.length, limits),
    );
    length = reader.position;
  }
  for (const { id, bank } of algorithms) {
    if (bank === undefined)
      warnings.push(`digests of algorithm 0x${id.toString(16)} are not replayed`);
  }
  for (const event of events) {
    if (!isKnownEventType(event.type)) {
      warnings.push(`event ${event.index}: unknown type 0x${event.type.toString(16)}`);
    }
  }
  return {
    kind: isCcel ? 'ccel' : isAgile ? 'crypto-agile' : 'sha1',
    algorithms,
    events,
    startupLocality: isCcel ? 0 : startupLocality(events),
    length,
    warnings,
  };
}

interface RecordLimits {
  readonly maxEventBytes: number;
  readonly lastRegister: number;
}

/** TCG_PCR_EVENT. */
function readSha1Event(reader: ByteReader, index: number, limits: RecordLimits): LogEvent {
  return reader.field(`events[${index}]`, () => {
    const { offset, pcr, type } = readHead(reader, limits);
    const value = reader.field('digest', (r) => r.bytes(digestSize('SHA-1')));
    const data = reader.field('event', (r) => r.sized32(limits.maxEventBytes));
    if (pcr === 0 && type === 0 && data.length === 0 && value.every((byte) => byte === 0)) {
      reader.fail('ERR_DECODE_FORMAT', 'a record of zero bytes is no event');
    }
    const digests = [{ algorithm: algorithmId('SHA-1'), value }];
    return { index, pcr, type, typeName: eventTypeName(type), digests, data, offset };
  });
}

/** TCG_PCR_EVENT2. */
function readAgileEvent(
  reader: ByteReader,
  index: number,
  sizes: ReadonlyMap<number, number>,
  limits: RecordLimits,
): LogEvent {
  return reader.field(`events[${index}]`, () => {
    const { offset, pcr, type } = readHead(reader, limits);
    const digests = reader.field('digests', () => readDigests(reader, sizes));
    const data = reader.field('event', (r) => r.sized32(limits.maxEventBytes));
    return { index, pcr, type, typeName: eventTypeName(type), digests, data, offset };
  });
}

function readHead(
  reader: ByteReader,
  { lastRegister }: RecordLimits,
): { readonly offset: number; readonly pcr: number; readonly type: number } {
  const offset = reader.position;
  const pcr = reader.field('pcrIndex', (r) => r.u32());
  const type = reader.field('eventType', (r) => r.u32());
  // Records that extend nothing may name no register (0xffffffff).
  if (type !== EventType.NO_ACTION && pcr > lastRegister) {
    reader.fail('ERR_DECODE_VALUE', `register ${pcr}, at most ${lastRegister}`);
  }
  return { offset, pcr, type };
}

function readDigests(reader: ByteReader, sizes: ReadonlyMap<number, number>): EventDigest[] {
  const count = reader.u32();
  if (count === 0 || count > sizes.size) {
    reader.fail('ERR_DECODE_LIMIT', `${count} digests, the Spec ID event declares ${sizes.size}`);
  }
  const digests: EventDigest[] = [];
  for (let i = 0; i < count; i++) {
    const algorithm = reader.u16();
    const size = sizes.get(algorithm);
    if (size === undefined) {
      reader.fail(
        'ERR_DECODE_VALUE',
        `digest algorithm 0x${algorithm.toString(16)} is not declared`,
      );
    }
    if (digests.some((digest) => digest.algorithm === algorithm)) {
      reader.fail('ERR_DECODE_DUPLICATE', `two digests of 0x${algorithm.toString(16)}`);
    }
    digests.push({ algorithm, value: reader.bytes(size) });
  }
  return digests;
}

/** Whether nothing but one padding byte follows `start`. Costs a scan only where padding starts. */
function isPadding(bytes: Uint8Array, start: number): boolean {
  const rest = bytes.subarray(start);
  const [pad] = rest;
  if (pad !== 0x00 && pad !== 0xff) return false;
  const head = rest.subarray(0, ZERO_RECORD_BYTES);
  return head.every((byte) => byte === pad) && rest.every((byte) => byte === pad);
}
