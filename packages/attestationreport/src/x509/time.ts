import { decodeUtf8 } from '@cmc/bytes';
import { type DerReader, Tag } from '../crypto/index.ts';

/**
 * The next element, a UTCTime or GeneralizedTime in the only forms that RFC 5280, section 4.1.2.5
 * allows: to the second, in UTC.
 */
export function readTime(reader: DerReader, name: string): Date {
  const isUtcTime = reader.peek() === Tag.UtcTime;
  const bytes = reader.read(isUtcTime ? Tag.UtcTime : Tag.GeneralizedTime, name);
  const pattern = isUtcTime
    ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
    : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
  const match = pattern.exec(decodeUtf8(bytes, name));
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = match ?? [];
  const century = isUtcTime ? (Number(year) < 50 ? '20' : '19') : '';
  const text = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(text);
  // An impossible date (30 February) comes out as another one, or as none.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== text) {
    reader.fail('ERR_DECODE_VALUE', `${name}: not a time of the form [YY]YYMMDDHHMMSSZ`);
  }
  return time;
}
