import { ByteWriter } from '@cmc/bytes';
import { type HashName, hashId, hashSize, MAX_DIGEST_BYTES } from '../algorithms.ts';
import { TpmError } from '../errors.ts';
import { readHash } from '../structures/fields.ts';
import { encodeTpmlPcrSelection, readTpmlPcrSelection } from '../structures/pcr-selection.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC } from './constants.ts';
import { type AuthorizedOptions, type CommandOptions, permanentEntity } from './entity.ts';

/** Digests of one event, by bank. */
export type BankDigests = ReadonlyMap<HashName, Uint8Array>;

const MAX_DIGESTS = 16;
const MAX_EVENT_BYTES = 1024;
/** A TPM gives 8 values at once; so often values may change while they are read. */
const MAX_SNAPSHOTS = 5;

/** The platform configuration registers. */
export class TpmPcrs {
  readonly #channel: TpmChannel;

  constructor(channel: TpmChannel) {
    this.#channel = channel;
  }

  /**
   * Values of PCRs, all of one moment, by index, ascending. PCRs or a bank that the TPM does not have
   * are missing.
   * @throws {TpmError} ERR_TPM_RESPONSE PCR_CHANGED: they change faster than they can be read
   */
  async read(
    bank: HashName,
    pcrs: readonly number[],
    options: CommandOptions = {},
  ): Promise<ReadonlyMap<number, Uint8Array>> {
    for (let attempt = 0; attempt < MAX_SNAPSHOTS; attempt++) {
      const values = await this.#snapshot(bank, pcrs, options);
      if (values !== undefined) return values;
    }
    throw new TpmError('ERR_TPM_TRANSPORT', `PCRs changed during ${MAX_SNAPSHOTS} reads`);
  }

  /** Extends a PCR by a digest in each bank that is given. */
  async extend(pcr: number, digests: BankDigests, options: AuthorizedOptions = {}): Promise<void> {
    const parameters = new ByteWriter().u32(digests.size);
    for (const [bank, digest] of digests) {
      if (digest.length !== hashSize(bank)) {
        throw new RangeError(`digest of ${digest.length} bytes for ${bank}`);
      }
      parameters.u16(hashId(bank)).bytes(digest);
    }
    await this.#channel.execute(
      {
        code: TPM_CC.PCR_Extend,
        handles: [permanentEntity(pcr)],
        auths: [options.auth ?? {}],
        parameters: parameters.finish(),
        read: () => undefined,
      },
      options,
    );
  }

  /** Extends a PCR in every bank by the digest of `data`, which the TPM makes and gives back. */
  async event(
    pcr: number,
    data: Uint8Array,
    options: AuthorizedOptions = {},
  ): Promise<BankDigests> {
    if (data.length > MAX_EVENT_BYTES) {
      throw new RangeError(`event of ${data.length} bytes, at most ${MAX_EVENT_BYTES}`);
    }
    return await this.#channel.execute(
      {
        code: TPM_CC.PCR_Event,
        handles: [permanentEntity(pcr)],
        auths: [options.auth ?? {}],
        parameters: new ByteWriter().sized16(data).finish(),
        encrypts: 'command',
        read: (reader) => {
          const count = reader.u32();
          if (count > MAX_DIGESTS) reader.fail('ERR_DECODE_LIMIT', `${count} digests`);
          const digests = new Map<HashName, Uint8Array>();
          for (let i = 0; i < count; i++) {
            const bank = readHash(reader);
            digests.set(bank, reader.bytes(hashSize(bank)));
          }
          return digests;
        },
      },
      options,
    );
  }

  /** Sets a PCR to its initial value; only PCR 16 and 23 (debug, applications) allow it to all. */
  async reset(pcr: number, options: AuthorizedOptions = {}): Promise<void> {
    await this.#channel.execute(
      {
        code: TPM_CC.PCR_Reset,
        handles: [permanentEntity(pcr)],
        auths: [options.auth ?? {}],
        read: () => undefined,
      },
      options,
    );
  }

  /** All values, or `undefined` when a PCR changed meanwhile. */
  async #snapshot(
    bank: HashName,
    pcrs: readonly number[],
    options: CommandOptions,
  ): Promise<ReadonlyMap<number, Uint8Array> | undefined> {
    const values = new Map<number, Uint8Array>();
    let left = [...new Set(pcrs)].sort((a, b) => a - b);
    let counter: number | undefined;
    while (left.length > 0) {
      const answer = await this.#readOnce(bank, left, options);
      counter ??= answer.updateCounter;
      if (counter !== answer.updateCounter) return undefined;
      if (answer.values.size === 0) break;
      for (const [pcr, value] of answer.values) values.set(pcr, value);
      left = left.filter((pcr) => !values.has(pcr));
    }
    return new Map([...values].sort(([a], [b]) => a - b));
  }

  async #readOnce(
    bank: HashName,
    pcrs: readonly number[],
    options: CommandOptions,
  ): Promise<{ readonly updateCounter: number; readonly values: Map<number, Uint8Array> }> {
    return await this.#channel.execute(
      {
        code: TPM_CC.PCR_Read,
        parameters: encodeTpmlPcrSelection([{ bank, pcrs }]),
        read: (reader) => {
          const updateCounter = reader.u32();
          const selected = readTpmlPcrSelection(reader).flatMap((selection) =>
            selection.bank === bank ? selection.pcrs : [],
          );
          const count = reader.u32();
          if (count !== selected.length) {
            reader.fail('ERR_DECODE_VALUE', `${count} values of ${selected.length} PCRs`);
          }
          const values = new Map<number, Uint8Array>();
          for (const pcr of selected) {
            if (!pcrs.includes(pcr)) reader.fail('ERR_DECODE_VALUE', `PCR ${pcr} was not asked`);
            const value = reader.sized16(MAX_DIGEST_BYTES);
            if (value.length !== hashSize(bank)) {
              reader.fail('ERR_DECODE_VALUE', `PCR ${pcr} of ${value.length} bytes in ${bank}`);
            }
            values.set(pcr, value);
          }
          return { updateCounter, values };
        },
      },
      options,
    );
  }
}
