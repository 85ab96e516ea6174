import { DecodeError, toHex } from '@cmc/bytes';

/** What the entries of a certificate table hold; other entries keep their GUID. */
export type SnpTableEntryKind = 'VCEK' | 'VLEK' | 'ASK' | 'ARK';

/** An entry of the table that the host puts behind an extended report. */
export interface SnpTableEntry {
  /** `63da758d-e664-4564-adc5-f4b93be8accd` */
  readonly guid: string;
  readonly kind?: SnpTableEntryKind;
  readonly data: Uint8Array;
}

/** Most entries of a table. */
export const MAX_SNP_TABLE_ENTRIES = 32;
/** Longest table. */
export const MAX_SNP_TABLE_BYTES = 262_144;

const ENTRY_BYTES = 24;
const GUID_BYTES = 16;
const KINDS: ReadonlyMap<string, SnpTableEntryKind> = new Map([
  ['63da758d-e664-4564-adc5-f4b93be8accd', 'VCEK'],
  ['a8074bc2-a25a-483e-aae6-39c045a0b8a1', 'VLEK'],
  ['4ab7b379-bbac-4fe4-a02f-05aef327c782', 'ASK'],
  ['c0b406a4-a803-4952-9743-3fb6014cd0ae', 'ARK'],
]);

/**
 * The entries of a certificate table (GHCB specification, SNP Extended Guest Request): headers up to
 * one of zeros, then the data. No GUID occurs twice, no data overlaps the headers or leaves the table.
 * @throws {DecodeError}
 */
export function parseSnpCertificateTable(bytes: Uint8Array): readonly SnpTableEntry[] {
  const path = ['SnpCertificateTable'];
  if (bytes.length > MAX_SNP_TABLE_BYTES) {
    throw new DecodeError(
      'ERR_DECODE_LIMIT',
      `${bytes.length} bytes, at most ${MAX_SNP_TABLE_BYTES}`,
      { path, offset: 0 },
    );
  }
  const headers = readHeaders(bytes, path);
  const end = (headers.length + 1) * ENTRY_BYTES;
  const seen = new Set<string>();
  return headers.map(({ guid, offset, length }, index) => {
    const place = { path: [...path, String(index)], offset: index * ENTRY_BYTES };
    if (seen.has(guid)) throw new DecodeError('ERR_DECODE_DUPLICATE', `${guid} twice`, place);
    seen.add(guid);
    if (offset < end || length > bytes.length - offset) {
      const range = `${length} bytes at ${offset} are not in the table`;
      throw new DecodeError('ERR_DECODE_TRUNCATED', range, place);
    }
    const kind = KINDS.get(guid);
    const data = bytes.slice(offset, offset + length);
    return { guid, ...(kind === undefined ? {} : { kind }), data };
  });
}

interface Header {
  readonly guid: string;
  readonly offset: number;
  readonly length: number;
}

function readHeaders(bytes: Uint8Array, path: readonly string[]): readonly Header[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headers: Header[] = [];
  for (let at = 0; ; at += ENTRY_BYTES) {
    if (bytes.length - at < ENTRY_BYTES) {
      throw new DecodeError('ERR_DECODE_TRUNCATED', 'the table has no end', { path, offset: at });
    }
    if (bytes.subarray(at, at + ENTRY_BYTES).every((byte) => byte === 0)) return headers;
    if (headers.length === MAX_SNP_TABLE_ENTRIES) {
      const message = `more than ${MAX_SNP_TABLE_ENTRIES} entries`;
      throw new DecodeError('ERR_DECODE_LIMIT', message, { path, offset: at });
    }
    headers.push({
      guid: guidText(bytes.subarray(at, at + GUID_BYTES)),
      offset: view.getUint32(at + GUID_BYTES, true),
      length: view.getUint32(at + GUID_BYTES + 4, true),
    });
  }
}

function guidText(bytes: Uint8Array): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
