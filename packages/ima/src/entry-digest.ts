import { ByteWriter, concatBytes, type Endianness } from '@cmc/bytes';
import { digest, digestSize, type HashName } from '@cmc/bytes/hash';
import type { ImaEntry } from './entry.ts';
import { LEGACY_NAME_BYTES } from './templates.ts';

export interface EntryDigestOptions {
  readonly bank: HashName;
  /** As in `ImaReplayOptions`. */
  readonly paddedSha1?: boolean;
  /** As in `ImaReplayOptions`. */
  readonly endianness?: Endianness;
}

/** What an entry extends its PCR with, in a bank: the event that a report carries for it. */
export function imaEntryDigest(
  entry: Pick<ImaEntry, 'template' | 'fields' | 'isViolation'>,
  { bank, paddedSha1 = false, endianness = 'little' }: EntryDigestOptions,
): Uint8Array {
  const value = new Uint8Array(digestSize(bank));
  if (entry.isViolation) return value.fill(0xff);
  value.set(digest(paddedSha1 ? 'SHA-1' : bank, hashedData(entry, endianness)));
  return value;
}

function hashedData(
  entry: Pick<ImaEntry, 'template' | 'fields'>,
  endianness: Endianness,
): Uint8Array {
  const { template, fields } = entry;
  if (template === 'ima') {
    const name = new Uint8Array(LEGACY_NAME_BYTES);
    name.set(fields.get('n') ?? new Uint8Array());
    return concatBytes(fields.get('d') ?? new Uint8Array(), name);
  }
  return fieldsOf(entry, endianness);
}

/** Template data of an entry, of any template but the first. */
export function fieldsOf(
  { fields }: Pick<ImaEntry, 'fields'>,
  endianness: Endianness = 'little',
): Uint8Array {
  const writer = new ByteWriter(endianness);
  for (const content of fields.values()) writer.u32(content.length).bytes(content);
  return writer.finish();
}
