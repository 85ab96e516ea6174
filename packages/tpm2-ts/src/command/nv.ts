import { ByteReader, ByteWriter, concatBytes } from '@cmc/bytes';
import { digest, type HashName, hashId, MAX_DIGEST_BYTES } from '../algorithms.ts';
import { MAX_NAME_BYTES, readHash } from '../structures/fields.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC, TPM_RH, TPMA_NV } from './constants.ts';
import {
  type AuthorizedOptions,
  type CommandOptions,
  type Entity,
  permanentEntity,
} from './entity.ts';

/** TPMS_NV_PUBLIC (Part 2, section 13.5). */
export interface TpmsNvPublic {
  readonly index: number;
  readonly nameAlg: HashName;
  /** Bits of {@link TPMA_NV}. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
  /** In bytes. */
  readonly dataSize: number;
}

export interface NvOptions extends AuthorizedOptions {
  /**
   * Who authorises: `index` with the password of the index, `owner` or `platform` with theirs.
   * Default: `index` where its attributes allow that, else `owner`.
   */
  readonly by?: 'index' | 'owner' | 'platform';
}

export interface NvDefineOptions extends AuthorizedOptions {
  readonly nameAlg?: HashName;
  readonly authPolicy?: Uint8Array;
  /** Password of the new index. Default: empty. */
  readonly password?: Uint8Array;
}

const EMPTY = new Uint8Array();
const MAX_NV_PUBLIC_BYTES = 256;
/** Every TPM moves as much at once; NV_BUFFER_MAX is at least this. */
const CHUNK_BYTES = 512;
const OWNER_AND_INDEX =
  TPMA_NV.OWNERREAD | TPMA_NV.OWNERWRITE | TPMA_NV.AUTHREAD | TPMA_NV.AUTHWRITE | TPMA_NV.NO_DA;

/** The non-volatile memory. */
export class TpmNv {
  readonly #channel: TpmChannel;

  constructor(channel: TpmChannel) {
    this.#channel = channel;
  }

  /** What is known of an index. @throws {TpmError} ERR_TPM_RESPONSE HANDLE: there is none */
  async readPublic(index: number, options: CommandOptions = {}): Promise<TpmsNvPublic> {
    return await this.#channel.execute(
      {
        code: TPM_CC.NV_ReadPublic,
        handles: [permanentEntity(index)],
        encrypts: 'response',
        read: (reader) => {
          const area = reader.sized16(MAX_NV_PUBLIC_BYTES);
          reader.sized16(MAX_NAME_BYTES);
          return decodeNvPublic(area);
        },
      },
      options,
    );
  }

  /** The whole content of an index, in pieces of 512 bytes. */
  async read(index: number, options: NvOptions = {}): Promise<Uint8Array> {
    const area = await this.readPublic(index, options);
    const entity = entityOf(area);
    const authority = authorityOf(area, TPMA_NV.AUTHREAD, options);
    const chunks: Uint8Array[] = [];
    for (let offset = 0; offset < area.dataSize; offset += CHUNK_BYTES) {
      const size = Math.min(CHUNK_BYTES, area.dataSize - offset);
      const chunk = await this.#channel.execute(
        {
          code: TPM_CC.NV_Read,
          handles: [authority, entity],
          auths: [options.auth ?? {}],
          parameters: new ByteWriter().u16(size).u16(offset).finish(),
          encrypts: 'response',
          read: (reader) => {
            const data = reader.sized16(CHUNK_BYTES);
            if (data.length !== size) {
              reader.fail('ERR_DECODE_VALUE', `${data.length} bytes, asked for ${size}`);
            }
            return data;
          },
        },
        options,
      );
      chunks.push(chunk);
    }
    return concatBytes(...chunks);
  }

  /** Writes `data` from the start of an index, in pieces of 512 bytes. */
  async write(index: number, data: Uint8Array, options: NvOptions = {}): Promise<void> {
    for (let offset = 0; offset < data.length; offset += CHUNK_BYTES) {
      // The first write changes the attributes, and with them the name.
      const area = await this.readPublic(index, options);
      await this.#channel.execute(
        {
          code: TPM_CC.NV_Write,
          handles: [authorityOf(area, TPMA_NV.AUTHWRITE, options), entityOf(area)],
          auths: [options.auth ?? {}],
          parameters: new ByteWriter()
            .sized16(data.subarray(offset, offset + CHUNK_BYTES))
            .u16(offset)
            .finish(),
          encrypts: 'command',
          read: () => undefined,
        },
        options,
      );
    }
  }

  /**
   * Defines an index of `dataSize` bytes, by the owner. Attributes by default: owner and index may
   * read and write, without dictionary attack protection.
   */
  async define(
    index: number,
    dataSize: number,
    options: NvDefineOptions & { readonly attributes?: number } = {},
  ): Promise<void> {
    const area = encodeNvPublic({
      index,
      nameAlg: options.nameAlg ?? 'SHA-256',
      attributes: options.attributes ?? OWNER_AND_INDEX,
      authPolicy: options.authPolicy ?? EMPTY,
      dataSize,
    });
    await this.#channel.execute(
      {
        code: TPM_CC.NV_DefineSpace,
        handles: [permanentEntity(TPM_RH.OWNER)],
        auths: [options.auth ?? {}],
        parameters: new ByteWriter()
          .sized16(options.password ?? EMPTY)
          .sized16(area)
          .finish(),
        encrypts: 'command',
        read: () => undefined,
      },
      options,
    );
  }

  /** Removes an index, by the owner. */
  async undefine(index: number, options: AuthorizedOptions = {}): Promise<void> {
    const area = await this.readPublic(index, options);
    await this.#channel.execute(
      {
        code: TPM_CC.NV_UndefineSpace,
        handles: [permanentEntity(TPM_RH.OWNER), entityOf(area)],
        auths: [options.auth ?? {}],
        read: () => undefined,
      },
      options,
    );
  }
}

function entityOf(area: TpmsNvPublic): Entity {
  const id = hashId(area.nameAlg);
  const name = concatBytes(
    Uint8Array.of(id >> 8, id & 0xff),
    digest(area.nameAlg, encodeNvPublic(area)),
  );
  return { handle: area.index, name };
}

function authorityOf(area: TpmsNvPublic, allowed: number, { by }: NvOptions): Entity {
  const isByIndex = by === 'index' || (by === undefined && (area.attributes & allowed) !== 0);
  if (isByIndex) return entityOf(area);
  return permanentEntity(by === 'platform' ? TPM_RH.PLATFORM : TPM_RH.OWNER);
}

function encodeNvPublic(area: TpmsNvPublic): Uint8Array {
  return new ByteWriter()
    .u32(area.index)
    .u16(hashId(area.nameAlg))
    .u32(area.attributes)
    .sized16(area.authPolicy)
    .u16(area.dataSize)
    .finish();
}

function decodeNvPublic(bytes: Uint8Array): TpmsNvPublic {
  const reader = new ByteReader(bytes, 'TPMS_NV_PUBLIC');
  const area: TpmsNvPublic = {
    index: reader.u32(),
    nameAlg: readHash(reader),
    attributes: reader.u32(),
    authPolicy: reader.sized16(MAX_DIGEST_BYTES),
    dataSize: reader.u16(),
  };
  reader.end();
  return area;
}
