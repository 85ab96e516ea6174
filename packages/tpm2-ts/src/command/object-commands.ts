import { type ByteReader, ByteWriter } from '@cmc/bytes';
import { MAX_DIGEST_BYTES } from '../algorithms.ts';
import { encodeTpmtPublic, type TpmtPublic } from '../structures/public-area.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC } from './constants.ts';
import {
  type AuthorizedOptions,
  type CommandOptions,
  type Entity,
  permanentEntity,
} from './entity.ts';
import { type Hierarchy, hierarchyEntity } from './hierarchy.ts';
import {
  type CreatedObject,
  type CreateOptions,
  type Creation,
  checkName,
  encodeCreation,
  MAX_STRUCTURE_BYTES,
  readCreation,
  TpmObject,
} from './objects.ts';

const EMPTY = new Uint8Array();

/** The commands of {@link Tpm} that make, load and keep objects. */
export class TpmObjectCommands {
  protected readonly channel: TpmChannel;

  constructor(channel: TpmChannel) {
    this.channel = channel;
  }

  /** Makes the primary object of a hierarchy that a template stands for, loaded. */
  async createPrimary(
    hierarchy: Hierarchy,
    options: CreateOptions & AuthorizedOptions,
  ): Promise<TpmObject & Creation> {
    return await this.channel.execute(
      {
        code: TPM_CC.CreatePrimary,
        handles: [hierarchyEntity(hierarchy)],
        auths: [options.auth ?? {}],
        parameters: encodeCreation(options),
        encrypts: 'both',
        returnsHandle: true,
        read: (reader, handle) => {
          const publicArea = readStructure(reader);
          const creation = readCreation(reader);
          checkName(reader, publicArea);
          return Object.assign(new TpmObject(this.channel, handle, publicArea), creation);
        },
      },
      options,
    );
  }

  /** Makes an object under a loaded parent; it is not loaded yet. */
  async create(parent: Entity, options: CreateOptions & AuthorizedOptions): Promise<CreatedObject> {
    return await this.channel.execute(
      {
        code: TPM_CC.Create,
        handles: [parent],
        auths: [options.auth ?? {}],
        parameters: encodeCreation(options),
        encrypts: 'both',
        read: (reader) => {
          const privateArea = readStructure(reader);
          const publicArea = readStructure(reader);
          return { privateArea, publicArea, ...readCreation(reader) };
        },
      },
      options,
    );
  }

  /** Loads an object that was created under `parent`. */
  async load(
    parent: Entity,
    object: Pick<CreatedObject, 'privateArea' | 'publicArea'>,
    options: AuthorizedOptions = {},
  ): Promise<TpmObject> {
    return await this.channel.execute(
      {
        code: TPM_CC.Load,
        handles: [parent],
        auths: [options.auth ?? {}],
        parameters: new ByteWriter()
          .sized16(object.privateArea)
          .sized16(object.publicArea)
          .finish(),
        encrypts: 'both',
        returnsHandle: true,
        read: (reader, handle) => {
          checkName(reader, object.publicArea);
          return new TpmObject(this.channel, handle, object.publicArea);
        },
      },
      options,
    );
  }

  /** Loads a public key that is not of this TPM. */
  async loadExternal(
    area: TpmtPublic,
    options: CommandOptions & { readonly hierarchy?: Hierarchy } = {},
  ): Promise<TpmObject> {
    const publicArea = encodeTpmtPublic(area);
    return await this.channel.execute(
      {
        code: TPM_CC.LoadExternal,
        parameters: new ByteWriter()
          .sized16(EMPTY)
          .sized16(publicArea)
          .u32(hierarchyEntity(options.hierarchy ?? 'owner').handle)
          .finish(),
        encrypts: 'both',
        returnsHandle: true,
        read: (reader, handle) => {
          checkName(reader, publicArea);
          return new TpmObject(this.channel, handle, publicArea);
        },
      },
      options,
    );
  }

  /** An object that is in the TPM for good. @throws {TpmError} ERR_TPM_RESPONSE HANDLE: none */
  async openPersistent(handle: number, options: CommandOptions = {}): Promise<TpmObject> {
    return await this.channel.execute(
      {
        code: TPM_CC.ReadPublic,
        handles: [permanentEntity(handle)],
        encrypts: 'response',
        read: (reader) => {
          const publicArea = readStructure(reader);
          checkName(reader, publicArea);
          reader.sized16(2 + MAX_DIGEST_BYTES); // qualified name
          return new TpmObject(this.channel, handle, publicArea);
        },
      },
      options,
    );
  }

  /** Makes an object persistent at `handle`, or, given a persistent one, removes it from there. */
  async evictControl(
    hierarchy: 'owner' | 'platform',
    object: Entity,
    handle: number,
    options: AuthorizedOptions = {},
  ): Promise<void> {
    await this.channel.execute(
      {
        code: TPM_CC.EvictControl,
        handles: [hierarchyEntity(hierarchy), object],
        auths: [options.auth ?? {}],
        parameters: new ByteWriter().u32(handle).finish(),
        read: () => undefined,
      },
      options,
    );
  }
}

function readStructure(reader: ByteReader): Uint8Array {
  return reader.sized16(MAX_STRUCTURE_BYTES);
}
