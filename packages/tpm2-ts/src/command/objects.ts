import { type ByteReader, ByteWriter, concatBytes, equalBytes } from '@cmc/bytes';
import { MAX_DIGEST_BYTES } from '../algorithms.ts';
import { TpmError } from '../errors.ts';
import { MAX_NAME_BYTES } from '../structures/fields.ts';
import {
  decodeTpmtPublic,
  encodeTpmtPublic,
  objectName,
  type TpmtPublic,
} from '../structures/public-area.ts';
import type { TpmChannel } from './channel.ts';
import type { Entity } from './entity.ts';

/** Longest TPM2B_PRIVATE, TPM2B_PUBLIC and TPM2B_CREATION_DATA that are read. */
export const MAX_STRUCTURE_BYTES = 2048;

/** A loaded object. Flushed by `await using`, `flush()`, or with the connection. */
export class TpmObject implements Entity, AsyncDisposable {
  readonly handle: number;
  readonly name: Uint8Array;
  /** TPMT_PUBLIC as the TPM gave it. */
  readonly publicArea: Uint8Array;
  readonly #channel: TpmChannel;

  constructor(channel: TpmChannel, handle: number, publicArea: Uint8Array) {
    this.#channel = channel;
    this.handle = handle;
    this.publicArea = publicArea;
    this.name = objectName(publicArea);
  }

  /** The public area decoded. */
  get public(): TpmtPublic {
    return decodeTpmtPublic(this.publicArea);
  }

  /** Removes the object from the TPM's memory; a persistent one stays. */
  async flush(): Promise<void> {
    await this.#channel.flush(this.handle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}

/** What a TPM tells about the creation of an object, for `certifyCreation`. */
export interface Creation {
  /** TPMS_CREATION_DATA. */
  readonly creationData: Uint8Array;
  readonly creationHash: Uint8Array;
  /** TPMT_TK_CREATION. */
  readonly creationTicket: Uint8Array;
}

/** A new object: protected by its parent, to be loaded. */
export interface CreatedObject extends Creation {
  /** TPM2B_PRIVATE without its size. */
  readonly privateArea: Uint8Array;
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
}

/** What a new object is to be. */
export interface CreateOptions {
  readonly template: TpmtPublic;
  /** Password of the new object. Default: empty. */
  readonly password?: Uint8Array;
  /** Data to seal. */
  readonly data?: Uint8Array;
  /** Goes into the creation data. */
  readonly outsideInfo?: Uint8Array;
}

const EMPTY = new Uint8Array();
const HIERARCHY_BYTES = 4;

/** Parameters of TPM2_Create and TPM2_CreatePrimary. */
export function encodeCreation(options: CreateOptions): Uint8Array {
  const sensitive = new ByteWriter()
    .sized16(options.password ?? EMPTY)
    .sized16(options.data ?? EMPTY)
    .finish();
  return new ByteWriter()
    .sized16(sensitive)
    .sized16(encodeTpmtPublic(options.template))
    .sized16(options.outsideInfo ?? EMPTY)
    .u32(0) // no PCRs in the creation data
    .finish();
}

/** creationData, creationHash and creationTicket of a response. */
export function readCreation(reader: ByteReader): Creation {
  return {
    creationData: reader.field('creationData', (field) => field.sized16(MAX_STRUCTURE_BYTES)),
    creationHash: reader.field('creationHash', (field) => field.sized16(MAX_DIGEST_BYTES)),
    creationTicket: reader.field('creationTicket', readTicket),
  };
}

/** The next TPMT_TK_*: tag, hierarchy, digest; as bytes, to be given back to the TPM. */
export function readTicket(reader: ByteReader): Uint8Array {
  const head = reader.bytes(2 + HIERARCHY_BYTES);
  const digest = reader.sized16(MAX_DIGEST_BYTES);
  return concatBytes(head, new ByteWriter().sized16(digest).finish());
}

/** The next TPM2B_NAME, which must be that of `publicArea`. @throws {TpmError} ERR_TPM_TRANSPORT */
export function checkName(reader: ByteReader, publicArea: Uint8Array): void {
  const name = reader.field('name', (field) => field.sized16(MAX_NAME_BYTES));
  if (!equalBytes(name, objectName(publicArea))) {
    throw new TpmError(
      'ERR_TPM_TRANSPORT',
      'the name of the object is not that of its public area',
    );
  }
}
