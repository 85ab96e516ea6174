import { Tag } from '@cmc/attestationreport/x509';
import { concatBytes, encodeUtf8 } from '@cmc/bytes';

const ENUMERATED = 0x0a;

/** Identifier octet of the constructed context-specific tag `[number]`. */
export function contextTag(number: number): number {
  return 0xa0 | number;
}

/** One element of DER (X.690) with these contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...contents);
  const length: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256))
    length.unshift(rest % 256);
  const head =
    content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length];
  return concatBytes(Uint8Array.from(head), content);
}

export function derSequence(...contents: readonly Uint8Array[]): Uint8Array {
  return der(Tag.Sequence, ...contents);
}

export function derSet(...contents: readonly Uint8Array[]): Uint8Array {
  return der(Tag.Set, ...contents);
}

export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...arcs].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      digits.unshift(0x80 | (rest & 0x7f));
    }
    return digits;
  });
  return der(Tag.Oid, Uint8Array.from(bytes));
}

/** INTEGER of a big-endian number without sign. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? new Uint8Array(1) : bytes.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? new Uint8Array(1) : new Uint8Array();
  return der(Tag.Integer, sign, digits);
}

/** INTEGER from 0 to 127. */
export function derSmallInteger(value: number): Uint8Array {
  return der(Tag.Integer, Uint8Array.of(value));
}

/** ENUMERATED from 0 to 127. */
export function derEnumerated(value: number): Uint8Array {
  return der(ENUMERATED, Uint8Array.of(value));
}

/** BIT STRING; the last byte may have unused bits. */
export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return der(Tag.BitString, Uint8Array.of(unusedBits), bytes);
}

export function derTrue(): Uint8Array {
  return der(Tag.Boolean, Uint8Array.of(0xff));
}

/** UTCTime until 2049, GeneralizedTime afterwards: RFC 5280, section 4.1.2.5. */
export function derTime(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050
    ? der(Tag.UtcTime, encodeUtf8(digits.slice(2)))
    : der(Tag.GeneralizedTime, encodeUtf8(digits));
}

export function derOctetString(bytes: Uint8Array): Uint8Array {
  return der(Tag.OctetString, bytes);
}

export function derNull(): Uint8Array {
  return der(Tag.Null);
}

export function derUtf8String(text: string): Uint8Array {
  return der(Tag.Utf8String, encodeUtf8(text));
}

export function derPrintableString(text: string): Uint8Array {
  return der(Tag.PrintableString, encodeUtf8(text));
}
