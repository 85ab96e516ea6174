import { ByteWriter, fromHex, toHex } from '@cmc/bytes';
import { expect } from 'vitest';
import { parseEventData } from '../src/index.ts';

/** JSON as tools print it: bytes are hex, 64-bit numbers are exact. */
export const shown = (data: unknown): unknown =>
  JSON.parse(
    JSON.stringify(data, (_, value: unknown) =>
      value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? `${value}n` : value,
    ),
  );
export const parsed = (type: number, data: Uint8Array): unknown => {
  const { rawdata, ...rest } = parseEventData(
    { type, data },
    { readCertificate: (der) => ({ certificate: toHex(der) }) },
  );
  expect(rawdata).toEqual(data);
  return shown(rest);
};

export const utf16 = (text: string): Uint8Array =>
  new Uint8Array(Uint16Array.from(text, (unit) => unit.charCodeAt(0)).buffer);
export const GUID = '00112233-4455-6677-8899-aabbccddeeff';
export const GUID_BYTES = fromHex('33221100554477668899aabbccddeeff');

/** Above 2^53. */
export const BIG = 0xffff_ffff_ffff_fffen;
export const little = (): ByteWriter => new ByteWriter('little');

/** A device path node. */
export function node(type: number, subtype: number, body: Uint8Array): Uint8Array {
  const head = new ByteWriter('little')
    .u8(type)
    .u8(subtype)
    .u16(4 + body.length);
  return head.bytes(body).finish();
}
export const END = node(0x7f, 0xff, new Uint8Array(0));
