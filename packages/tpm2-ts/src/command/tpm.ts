import { ByteWriter } from '@cmc/bytes';
import { type HashName, MAX_DIGEST_BYTES } from '../algorithms.ts';
import type { Credential } from '../crypto/make-credential.ts';
import type { TpmlPcrSelection } from '../structures/pcr-selection.ts';
import { encodeTpmlPcrSelection } from '../structures/pcr-selection.ts';
import { type TpmtScheme, writeScheme } from '../structures/public-area.ts';
import {
  encodeTpmtSignature,
  readTpmtSignature,
  type TpmtSignature,
} from '../structures/signature.ts';
import type { Transport } from '../transport/transport.ts';
import { TpmCapabilities } from './capabilities.ts';
import { type ChannelOptions, TpmChannel } from './channel.ts';
import { TPM_CC, TPM_RH } from './constants.ts';
import type { Authorization, AuthorizedOptions, CommandOptions, Entity } from './entity.ts';
import { type HashedData, hashSequence } from './hash-sequence.ts';
import { type Hierarchy, hierarchyEntity } from './hierarchy.ts';
import { TpmNv } from './nv.ts';
import { TpmObjectCommands } from './object-commands.ts';
import type { Creation } from './objects.ts';
import { TpmPcrs } from './pcr.ts';
import type { Session } from './session.ts';
import { type SessionOptions, startSession } from './start-session.ts';

/** Something that the TPM said and signed. */
export interface Attestation {
  /** TPMS_ATTEST. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

export interface AttestOptions extends AuthorizedOptions {
  /** The nonce. Default: empty. */
  readonly qualifyingData?: Uint8Array;
  /** For keys without a scheme of their own. */
  readonly scheme?: TpmtScheme;
}

export interface SignOptions extends AuthorizedOptions {
  /** For keys without a scheme of their own. */
  readonly scheme?: TpmtScheme;
  /** Ticket of {@link Tpm.hash}, which restricted keys demand. */
  readonly ticket?: Uint8Array;
}

const EMPTY = new Uint8Array();
const MAX_ATTEST_BYTES = 1024;
const MAX_BLOB_BYTES = 1024;
const TPM_ST_HASHCHECK = 0x8024;
/**
 * A connection to a TPM. Commands of one connection run one after the other. Whatever it loaded and
 * was not flushed is flushed by `close()`, also by way of `await using`.
 */
export class Tpm extends TpmObjectCommands implements AsyncDisposable {
  readonly pcrs: TpmPcrs;
  readonly nv: TpmNv;
  readonly capabilities: TpmCapabilities;

  constructor(transport: Transport, options: ChannelOptions = {}) {
    super(new TpmChannel(transport, options));
    this.pcrs = new TpmPcrs(this.channel);
    this.nv = new TpmNv(this.channel);
    this.capabilities = new TpmCapabilities(this.channel);
  }

  /** TPM2_Startup: needed by TPMs that no firmware has started. */
  async startup(type: 'clear' | 'state' = 'clear', options: CommandOptions = {}): Promise<void> {
    await this.#power(TPM_CC.Startup, type, options);
  }

  /** TPM2_Shutdown. */
  async shutdown(type: 'clear' | 'state' = 'clear', options: CommandOptions = {}): Promise<void> {
    await this.#power(TPM_CC.Shutdown, type, options);
  }

  /** Random bytes: as many as asked, in several commands if need be. */
  async getRandom(length: number, options: CommandOptions = {}): Promise<Uint8Array> {
    const random = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const wanted = Math.min(length - at, 32);
      const part = await this.channel.execute(
        {
          code: TPM_CC.GetRandom,
          parameters: new ByteWriter().u16(wanted).finish(),
          encrypts: 'response',
          read: (reader) => {
            const bytes = reader.sized16(wanted);
            if (bytes.length === 0) reader.fail('ERR_DECODE_VALUE', 'no random bytes');
            return bytes;
          },
        },
        options,
      );
      random.set(part, at);
      at += part.length;
    }
    return random;
  }

  /** Starts a session for authorisation, parameter encryption or policies. */
  async startSession(options: SessionOptions): Promise<Session> {
    return await startSession(this.channel, options);
  }

  /** Digest of data of any length, by the TPM, with the ticket that restricted keys demand. */
  async hash(
    hash: HashName,
    data: Uint8Array,
    options: CommandOptions & { readonly hierarchy?: Hierarchy } = {},
  ): Promise<HashedData> {
    const hierarchy = hierarchyEntity(options.hierarchy ?? 'owner').handle;
    return await hashSequence(this.channel, hash, data, { ...options, hierarchy });
  }

  /** Signs a digest. */
  async sign(key: Entity, digest: Uint8Array, options: SignOptions = {}): Promise<TpmtSignature> {
    const parameters = new ByteWriter().sized16(digest);
    writeScheme(parameters, options.scheme);
    parameters.bytes(options.ticket ?? emptyTicket());
    return await this.channel.execute(
      {
        code: TPM_CC.Sign,
        handles: [key],
        auths: [options.auth ?? {}],
        parameters: parameters.finish(),
        encrypts: 'command',
        read: readTpmtSignature,
      },
      options,
    );
  }

  /** The data in a sealed object. */
  async unseal(object: Entity, options: AuthorizedOptions = {}): Promise<Uint8Array> {
    return await this.channel.execute(
      {
        code: TPM_CC.Unseal,
        handles: [object],
        auths: [options.auth ?? {}],
        encrypts: 'response',
        read: (reader) => reader.sized16(MAX_BLOB_BYTES),
      },
      options,
    );
  }

  /** Attests PCR values. */
  async quote(
    key: Entity,
    options: AttestOptions & { readonly pcrs: TpmlPcrSelection },
  ): Promise<Attestation> {
    const tail = encodeTpmlPcrSelection(options.pcrs);
    return await this.#attest(TPM_CC.Quote, [key], [options.auth ?? {}], EMPTY, tail, options);
  }

  /** Attests that an object is loaded. */
  async certify(
    object: Entity,
    key: Entity,
    options: AttestOptions & { readonly objectAuth?: Authorization } = {},
  ): Promise<Attestation> {
    const auths = [options.objectAuth ?? {}, options.auth ?? {}];
    return await this.#attest(TPM_CC.Certify, [object, key], auths, EMPTY, EMPTY, options);
  }

  /** Attests that this TPM created an object, while it is loaded. */
  async certifyCreation(
    object: Entity,
    key: Entity,
    options: AttestOptions & Pick<Creation, 'creationHash' | 'creationTicket'>,
  ): Promise<Attestation> {
    const hash = new ByteWriter().sized16(options.creationHash).finish();
    const handles = [key, object];
    const auths = [options.auth ?? {}];
    const ticket = options.creationTicket;
    return await this.#attest(TPM_CC.CertifyCreation, handles, auths, hash, ticket, options);
  }

  /** Attests time, clock and reset counters, by the endorsement hierarchy. */
  async getTime(
    key: Entity,
    options: AttestOptions & { readonly endorsementAuth?: Authorization } = {},
  ): Promise<Attestation> {
    const handles = [hierarchyEntity('endorsement'), key];
    const auths = [options.endorsementAuth ?? {}, options.auth ?? {}];
    return await this.#attest(TPM_CC.GetTime, handles, auths, EMPTY, EMPTY, options);
  }

  /** A credential for the object called `name`, made by the TPM. See also {@link makeCredential}. */
  async makeCredential(
    ek: Entity,
    name: Uint8Array,
    credential: Uint8Array,
    options: CommandOptions = {},
  ): Promise<Credential> {
    return await this.channel.execute(
      {
        code: TPM_CC.MakeCredential,
        handles: [ek],
        parameters: new ByteWriter().sized16(credential).sized16(name).finish(),
        encrypts: 'both',
        read: (reader) => ({
          credentialBlob: reader.sized16(MAX_BLOB_BYTES),
          secret: reader.sized16(MAX_BLOB_BYTES),
        }),
      },
      options,
    );
  }

  /** Opens a credential that was made for `key` and this TPM's endorsement key. */
  async activateCredential(
    key: Entity,
    ek: Entity,
    credential: Credential,
    options: AuthorizedOptions & { readonly ekAuth?: Authorization } = {},
  ): Promise<Uint8Array> {
    return await this.channel.execute(
      {
        code: TPM_CC.ActivateCredential,
        handles: [key, ek],
        auths: [options.auth ?? {}, options.ekAuth ?? {}],
        parameters: new ByteWriter()
          .sized16(credential.credentialBlob)
          .sized16(credential.secret)
          .finish(),
        encrypts: 'both',
        read: (reader) => reader.sized16(MAX_DIGEST_BYTES),
      },
      options,
    );
  }

  /** Flushes what is loaded and closes the connection. */
  async close(): Promise<void> {
    await this.channel.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #power(code: number, type: 'clear' | 'state', options: CommandOptions): Promise<void> {
    const parameters = new ByteWriter().u16(type === 'clear' ? 0 : 1).finish();
    await this.channel.execute({ code, parameters, read: () => undefined }, options);
  }

  /** Commands that give TPM2B_ATTEST and TPMT_SIGNATURE. */
  async #attest(
    code: number,
    handles: readonly Entity[],
    auths: readonly Authorization[],
    beforeScheme: Uint8Array,
    afterScheme: Uint8Array,
    options: AttestOptions,
  ): Promise<Attestation> {
    const parameters = new ByteWriter()
      .sized16(options.qualifyingData ?? EMPTY)
      .bytes(beforeScheme);
    writeScheme(parameters, options.scheme);
    return await this.channel.execute(
      {
        code,
        handles,
        auths,
        parameters: parameters.bytes(afterScheme).finish(),
        encrypts: 'both',
        read: (reader) => ({
          attest: reader.sized16(MAX_ATTEST_BYTES),
          signature: encodeTpmtSignature(readTpmtSignature(reader)),
        }),
      },
      options,
    );
  }
}

/** A ticket that says nothing: for keys that are not restricted. */
function emptyTicket(): Uint8Array {
  return new ByteWriter().u16(TPM_ST_HASHCHECK).u32(TPM_RH.NULL).u16(0).finish();
}
