import type { ByteReader } from '@cmc/bytes';
import { ByteWriter } from '@cmc/bytes';
import { readKnownBanks, type TpmlPcrSelection } from '../structures/pcr-selection.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC, TPM_PT } from './constants.ts';
import type { CommandOptions } from './entity.ts';

/** What a TPM says it is. */
export interface TpmInfo {
  /** Four letters of the TCG registry: `IBM `, `INTC`, `STM `. */
  readonly manufacturer: string;
  readonly vendor: string;
  readonly firmwareMajor: number;
  readonly firmwareMinor: number;
}

const CAP_HANDLES = 1;
const CAP_PCRS = 5;
const CAP_TPM_PROPERTIES = 6;
const MAX_ITEMS = 256;
/** Calls of one listing; a TPM gives at least one item in each. */
const MAX_CALLS = 64;
const VENDOR_STRINGS = [
  TPM_PT.VENDOR_STRING_1,
  TPM_PT.VENDOR_STRING_2,
  TPM_PT.VENDOR_STRING_3,
  TPM_PT.VENDOR_STRING_4,
];

/** What a TPM can do and what is in it. */
export class TpmCapabilities {
  readonly #channel: TpmChannel;

  constructor(channel: TpmChannel) {
    this.#channel = channel;
  }

  /** Handles of a range of {@link TPM_HT}. */
  async handles(range: number, options: CommandOptions = {}): Promise<readonly number[]> {
    return await this.#list(
      CAP_HANDLES,
      range,
      (reader) => reader.u32(),
      (last) => last + 1,
      options,
    );
  }

  /** Values of properties from `first` (of {@link TPM_PT}) on. */
  async properties(
    first: number,
    options: CommandOptions = {},
  ): Promise<ReadonlyMap<number, number>> {
    const pairs = await this.#list(
      CAP_TPM_PROPERTIES,
      first,
      (reader) => [reader.u32(), reader.u32()] as const,
      ([property]) => property + 1,
      options,
    );
    return new Map(pairs);
  }

  /** Allocated banks with their PCRs, without those of a hash that this library does not know. */
  async pcrBanks(options: CommandOptions = {}): Promise<TpmlPcrSelection> {
    const { value } = await this.#get(CAP_PCRS, 0, readKnownBanks, options);
    return value.filter(({ pcrs }) => pcrs.length > 0);
  }

  /** Manufacturer, vendor string and firmware version. */
  async info(options: CommandOptions = {}): Promise<TpmInfo> {
    const properties = await this.properties(TPM_PT.MANUFACTURER, options);
    const text = (property: number): string => {
      const value = properties.get(property) ?? 0;
      const bytes = [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
      return String.fromCharCode(...bytes.filter((byte) => byte >= 0x20 && byte < 0x7f));
    };
    const firmware = properties.get(TPM_PT.FIRMWARE_VERSION_1) ?? 0;
    return {
      manufacturer: text(TPM_PT.MANUFACTURER),
      vendor: VENDOR_STRINGS.map(text).join('').trim(),
      firmwareMajor: firmware >>> 16,
      firmwareMinor: firmware & 0xffff,
    };
  }

  /** All items of a list from `first` on, which a TPM gives in parts. */
  async #list<T>(
    capability: number,
    first: number,
    readItem: (reader: ByteReader) => T,
    after: (last: T) => number,
    options: CommandOptions,
  ): Promise<readonly T[]> {
    const items: T[] = [];
    let next = first;
    for (let call = 0; call < MAX_CALLS; call++) {
      const { more, value } = await this.#get(
        capability,
        next,
        (reader) => readItems(reader, readItem),
        options,
      );
      items.push(...value);
      const last = value.at(-1);
      if (!more || last === undefined) break;
      next = after(last);
    }
    return items;
  }

  async #get<T>(
    capability: number,
    property: number,
    readData: (reader: ByteReader) => T,
    options: CommandOptions,
  ): Promise<{ readonly more: boolean; readonly value: T }> {
    return await this.#channel.execute(
      {
        code: TPM_CC.GetCapability,
        parameters: new ByteWriter().u32(capability).u32(property).u32(MAX_ITEMS).finish(),
        read: (reader) => {
          const more = reader.u8() !== 0;
          const got = reader.u32();
          if (got !== capability) reader.fail('ERR_DECODE_VALUE', `capability ${got}`);
          return { more, value: readData(reader) };
        },
      },
      options,
    );
  }
}

function readItems<T>(reader: ByteReader, readItem: (reader: ByteReader) => T): readonly T[] {
  const count = reader.u32();
  if (count > MAX_ITEMS) reader.fail('ERR_DECODE_LIMIT', `${count} items, at most ${MAX_ITEMS}`);
  return Array.from({ length: count }, () => readItem(reader));
}
