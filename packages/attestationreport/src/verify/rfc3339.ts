import { decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { LruCache } from '../crypto/index.ts';

/** An instant, with the text that result files show for it. */
export interface Instant {
  /** Nanoseconds since 1970. */
  readonly nanoseconds: bigint;
  /** `2006-01-02 15:04:05.999999999 +0000 UTC` */
  readonly text: string;
}

const RFC3339 =
  /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** The same few times are in every report of a peer. */
const MAX_CACHED_INSTANTS = 1024;
/** Longest text that is kept. */
const MAX_CACHED_TEXT = 64;
const instants = new LruCache<string, Instant>(MAX_CACHED_INSTANTS);

/** The instant of an RFC 3339 date and time, or `undefined` when the text is none. */
export function parseRfc3339(text: string): Instant | undefined {
  const known = instants.get(text);
  if (known !== undefined) return known;
  if (text.length > MAX_CACHED_TEXT) return parse(text);
  // A copy: part of a longer text keeps all of that in memory, and peers choose how long it is.
  const copy = decodeUtf8(encodeUtf8(text));
  const instant = parse(copy);
  if (instant !== undefined) instants.set(copy, instant);
  return instant;
}

function parse(text: string): Instant | undefined {
  const [, date, time, fraction = '', sign, hours = '00', minutes = '00'] =
    RFC3339.exec(text) ?? [];
  if (date === undefined || time === undefined || hours > '23' || minutes > '59') return undefined;
  const local = Date.parse(`${date}T${time}Z`);
  // Date.parse moves the 31st of a short month into the next one.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${date}T${time}`)) {
    return undefined;
  }
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const nanoseconds = BigInt(local - offset) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  const digits = fraction.replace(/0+$/, '');
  const zone = offset === 0 ? '+0000 UTC' : `${sign}${hours}${minutes} ${sign}${hours}${minutes}`;
  const shown = `${date} ${time}${digits === '' ? '' : `.${digits}`} ${zone}`;
  return Object.freeze({ nanoseconds, text: shown });
}

/** The instant of a `Date`. @throws {RangeError} the date is invalid */
export function instantOf(date: Date): Instant {
  const instant = parse(date.toISOString());
  if (instant === undefined) throw new RangeError(`expected a year below 10000, got ${date}`);
  return instant;
}
