import { concatBytes, encodeUtf8 } from '@cmc/bytes';

/** One DER element: identifier octet, length, and the contents one after the other. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...contents);
  return concatBytes(Uint8Array.of(tag), derLength(content.length), content);
}

/** SEQUENCE of encoded elements. */
export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return der(0x30, ...elements);
}

/** SET of encoded elements, in the order given. */
export function derSet(...elements: readonly Uint8Array[]): Uint8Array {
  return der(0x31, ...elements);
}

/** Constructed, context-specific element `[number]`. */
export function derContext(number: number, ...elements: readonly Uint8Array[]): Uint8Array {
  return der(0xa0 | number, ...elements);
}

/** Primitive, context-specific element `[number]`. */
export function derContextPrimitive(number: number, content: Uint8Array): Uint8Array {
  return der(0x80 | number, content);
}

/** INTEGER of a small non-negative number, or of big-endian two's complement bytes as they are. */
export function derInteger(value: number | Uint8Array): Uint8Array {
  if (typeof value !== 'number') return der(0x02, value);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  if (bytes.length === 0 || (bytes[0] ?? 0) > 127) bytes.unshift(0);
  return der(0x02, Uint8Array.from(bytes));
}

/** BOOLEAN. */
export function derBoolean(value: boolean): Uint8Array {
  return der(0x01, Uint8Array.of(value ? 0xff : 0));
}

/** NULL. */
export function derNull(): Uint8Array {
  return der(0x05);
}

/** BIT STRING with `unusedBits` unused bits in the last byte. */
export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return der(0x03, Uint8Array.of(unusedBits), bytes);
}

/** OCTET STRING. */
export function derOctetString(bytes: Uint8Array): Uint8Array {
  return der(0x04, bytes);
}

/** OBJECT IDENTIFIER of a dotted text. */
export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** UTF8String. */
export function derUtf8String(text: string): Uint8Array {
  return der(0x0c, encodeUtf8(text));
}

/** PrintableString; the characters are not checked. */
export function derPrintableString(text: string): Uint8Array {
  return der(0x13, encodeUtf8(text));
}

/** Time as RFC 5280, section 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime afterwards. */
export function derTime(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? der(0x17, encodeUtf8(digits.slice(2)))
    : der(0x18, encodeUtf8(digits));
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift(0x80 | (rest % 128));
  }
  return digits;
}
