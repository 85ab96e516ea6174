import { createHash } from 'node:crypto';
import { ByteWriter, concatBytes, type Endianness, encodeUtf8 } from '@cmc/bytes';

export interface WrittenEntry {
  readonly template: string;
  readonly fields: readonly Uint8Array[];
  readonly endianness?: Endianness;
  /** Default: the SHA-1 digest of the data. */
  readonly logged?: Uint8Array;
}

/** An entry of PCR 10, of any template but the first. */
export function writeEntry(written: WrittenEntry): Uint8Array {
  const { template, fields, endianness = 'little' } = written;
  const data = new ByteWriter(endianness);
  for (const field of fields) data.u32(field.length).bytes(field);
  const bytes = data.finish();
  const { logged = new Uint8Array(createHash('sha1').update(bytes).digest()) } = written;
  const name = encodeUtf8(template);
  const writer = new ByteWriter(endianness).u32(10).bytes(logged);
  writer.u32(name.length).bytes(name).u32(bytes.length).bytes(bytes);
  return writer.finish();
}

/** `[type:]algorithm:\0digest` */
export function digestField(name: string, digest: Uint8Array): Uint8Array {
  return concatBytes(encodeUtf8(`${name}:\0`), digest);
}

export function hashOf(name: string, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash(name).update(data).digest());
}

export const nul = (text: string): Uint8Array => encodeUtf8(`${text}\0`);
