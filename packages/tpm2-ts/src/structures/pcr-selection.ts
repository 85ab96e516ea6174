import { ByteReader, ByteWriter } from '@cmc/bytes';
import { type HashName, hashId, hashName } from '../algorithms.ts';

/** TPMS_PCR_SELECTION: PCRs of one bank, ascending (Part 2, section 10.6.2). */
export interface TpmsPcrSelection {
  readonly bank: HashName;
  readonly pcrs: readonly number[];
}

/** TPML_PCR_SELECTION, in the order of the wire (Part 2, section 10.9.7). */
export type TpmlPcrSelection = readonly TpmsPcrSelection[];

/** Most banks of one selection. */
export const MAX_SELECTIONS = 16;
/** Most octets of the bit map: PCR 0 to 31. */
export const MAX_SELECT_BYTES = 4;
/** What TPMs of the PC Client platform have: 24 PCRs. */
const SELECT_BYTES = 3;

/** The next TPML_PCR_SELECTION. @throws {DecodeError} limits, a bank of an unknown hash */
export function readTpmlPcrSelection(reader: ByteReader): TpmlPcrSelection {
  return readSelections(reader, (id) => {
    const bank = hashName(id);
    return bank ?? reader.fail('ERR_DECODE_VALUE', `unknown hash 0x${id.toString(16)}`);
  });
}

/** As {@link readTpmlPcrSelection}, without banks whose hash this library does not know. */
export function readKnownBanks(reader: ByteReader): TpmlPcrSelection {
  return readSelections(reader, hashName);
}

/** TPML_PCR_SELECTION of bytes. @throws {DecodeError} */
export function decodeTpmlPcrSelection(bytes: Uint8Array): TpmlPcrSelection {
  const reader = new ByteReader(bytes, 'TPML_PCR_SELECTION');
  const value = readTpmlPcrSelection(reader);
  reader.end();
  return value;
}

/** Bytes of a TPML_PCR_SELECTION. @throws {RangeError} too many banks, a PCR beyond 31 */
export function encodeTpmlPcrSelection(selections: TpmlPcrSelection): Uint8Array {
  if (selections.length > MAX_SELECTIONS) {
    throw new RangeError(`${selections.length} PCR banks, at most ${MAX_SELECTIONS}`);
  }
  const writer = new ByteWriter().u32(selections.length);
  for (const { bank, pcrs } of selections) {
    const highest = Math.max(0, ...pcrs);
    const map = new Uint8Array(Math.max(SELECT_BYTES, (highest >> 3) + 1));
    for (const pcr of pcrs) {
      if (!Number.isInteger(pcr) || pcr < 0 || pcr >= 8 * MAX_SELECT_BYTES) {
        throw new RangeError(`PCR ${pcr} is not in 0 to ${8 * MAX_SELECT_BYTES - 1}`);
      }
      map[pcr >> 3] = (map[pcr >> 3] ?? 0) | (1 << (pcr & 7));
    }
    writer.u16(hashId(bank)).u8(map.length).bytes(map);
  }
  return writer.finish();
}

function readSelections(
  reader: ByteReader,
  bankOf: (id: number) => HashName | undefined,
): TpmlPcrSelection {
  const count = reader.field('count', (field) => field.u32());
  if (count > MAX_SELECTIONS) {
    reader.fail('ERR_DECODE_LIMIT', `${count} PCR selections, at most ${MAX_SELECTIONS}`);
  }
  const selections: TpmsPcrSelection[] = [];
  for (let i = 0; i < count; i++) {
    reader.field(`pcrSelections[${i}]`, () => {
      const bank = bankOf(reader.u16());
      const size = reader.u8();
      if (size > MAX_SELECT_BYTES) {
        reader.fail('ERR_DECODE_LIMIT', `sizeofSelect ${size}, at most ${MAX_SELECT_BYTES}`);
      }
      const pcrs = setBits(reader.bytes(size));
      if (bank !== undefined) selections.push({ bank, pcrs });
    });
  }
  return selections;
}

function setBits(map: Uint8Array): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 8 * map.length; bit++) {
    if (((map[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0) bits.push(bit);
  }
  return bits;
}
