import { ByteWriter, concatBytes, equalBytes } from '@cmc/bytes';
import { cfb } from '@noble/ciphers/aes.js';
import { digest, type HashName, hashId, hashSize, hmacDigest, TPM_ALG } from '../algorithms.ts';
import { kdfa } from '../crypto/kdf.ts';
import { TpmError } from '../errors.ts';
import { encodeTpmlPcrSelection, type TpmlPcrSelection } from '../structures/pcr-selection.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC } from './constants.ts';
import { type CommandOptions, type Entity, permanentEntity } from './entity.ts';

/** How parameters are encrypted. */
export type ParameterEncryption = 'AES-128-CFB' | 'AES-256-CFB' | 'XOR';

export type SessionType = 'hmac' | 'policy' | 'trial';

interface SessionState {
  readonly type: SessionType;
  readonly hash: HashName;
  readonly handle: number;
  readonly nonceCaller: Uint8Array;
  readonly nonceTpm: Uint8Array;
  /** Empty for a session without salt. */
  readonly sessionKey: Uint8Array;
  readonly encryption?: ParameterEncryption;
}

const EMPTY = new Uint8Array();
const AES_BLOCK_BYTES = 16;
const MAX_POLICY_BRANCHES = 8;
/** TPMA_SESSION (Part 2, section 8.4). */
const CONTINUE_SESSION = 0x01;
const DECRYPT = 0x20;
const ENCRYPT = 0x40;

/** An authorisation session. Flushed by `await using`, `flush()`, or with the connection. */
export class Session implements Entity, AsyncDisposable {
  readonly handle: number;
  readonly name: Uint8Array;
  readonly type: SessionType;
  readonly hash: HashName;
  readonly #channel: TpmChannel;
  readonly #sessionKey: Uint8Array;
  readonly #encryption: ParameterEncryption | undefined;
  #nonceCaller: Uint8Array;
  #nonceTpm: Uint8Array;
  #needsAuthValue: boolean;

  constructor(channel: TpmChannel, state: SessionState) {
    this.#channel = channel;
    this.handle = state.handle;
    this.name = permanentEntity(state.handle).name;
    this.type = state.type;
    this.hash = state.hash;
    this.#sessionKey = state.sessionKey;
    this.#encryption = state.encryption;
    this.#nonceCaller = state.nonceCaller;
    this.#nonceTpm = state.nonceTpm;
    this.#needsAuthValue = state.type === 'hmac';
  }

  /** The policy requires PCR values: `digest` of them, or, without one, those of now. */
  async policyPcr(
    pcrs: TpmlPcrSelection,
    options: CommandOptions & { readonly digest?: Uint8Array } = {},
  ): Promise<void> {
    const parameters = new ByteWriter()
      .sized16(options.digest ?? EMPTY)
      .bytes(encodeTpmlPcrSelection(pcrs));
    await this.#policy(TPM_CC.PolicyPCR, parameters, options);
  }

  /** The policy requires that one of `branches` (policy digests) has been met. */
  async policyOr(branches: readonly Uint8Array[], options: CommandOptions = {}): Promise<void> {
    if (branches.length < 2 || branches.length > MAX_POLICY_BRANCHES) {
      throw new RangeError(`${branches.length} branches, expected 2 to ${MAX_POLICY_BRANCHES}`);
    }
    const parameters = new ByteWriter().u32(branches.length);
    for (const branch of branches) parameters.sized16(branch);
    await this.#policy(TPM_CC.PolicyOR, parameters, options);
  }

  /** The policy authorises one command (of {@link TPM_CC}) only. */
  async policyCommandCode(code: number, options: CommandOptions = {}): Promise<void> {
    await this.#policy(TPM_CC.PolicyCommandCode, new ByteWriter().u32(code), options);
  }

  /** The policy requires the password of the entity, proved by HMAC. */
  async policyAuthValue(options: CommandOptions = {}): Promise<void> {
    await this.#policy(TPM_CC.PolicyAuthValue, new ByteWriter(), options);
    this.#needsAuthValue = true;
  }

  /** The policy requires the password of `entity`, which is given now. */
  async policySecret(
    entity: Entity,
    options: CommandOptions & { readonly password?: Uint8Array } = {},
  ): Promise<void> {
    const { password, ...rest } = options;
    await this.#channel.execute(
      {
        code: TPM_CC.PolicySecret,
        handles: [entity, this],
        auths: [password === undefined ? {} : { password }],
        // nonceTPM, cpHashA, policyRef, expiration: not tied to anything but this session.
        parameters: new ByteWriter().sized16(EMPTY).sized16(EMPTY).sized16(EMPTY).u32(0).finish(),
        read: (reader) => reader.rest(),
      },
      rest,
    );
  }

  /** Digest of the policy so far. */
  async policyDigest(options: CommandOptions = {}): Promise<Uint8Array> {
    return await this.#channel.execute(
      {
        code: TPM_CC.PolicyGetDigest,
        handles: [this],
        read: (reader) => reader.sized16(hashSize(this.hash)),
      },
      options,
    );
  }

  /** Ends the session in the TPM. */
  async flush(): Promise<void> {
    await this.#channel.flush(this.handle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }

  /** Whether parameters are encrypted in this session. */
  get encrypts(): boolean {
    return this.#encryption !== undefined;
  }

  /** Internal: the nonce of the TPM, which the HMAC of another session commits to. */
  get nonceTpm(): Uint8Array {
    return this.#nonceTpm;
  }

  /** Internal: makes a fresh nonce for the next command. */
  rollNonce(): void {
    this.#nonceCaller = crypto.getRandomValues(new Uint8Array(hashSize(this.hash)));
  }

  /** Internal: a TPMS_AUTH_COMMAND; `parameters` as they are sent. */
  authorize(request: SessionRequest): Uint8Array {
    const attributes = attributesOf(request);
    const hmac = this.#hmac(
      request.password,
      digest(this.hash, request.commandHashInput),
      this.#nonceCaller,
      this.#nonceTpm,
      ...request.otherNonces,
      Uint8Array.of(attributes),
    );
    return new ByteWriter()
      .u32(this.handle)
      .sized16(this.#nonceCaller)
      .u8(attributes)
      .sized16(hmac)
      .finish();
  }

  /** Internal: checks a TPMS_AUTH_RESPONSE and takes its nonce. @throws {TpmError} ERR_TPM_SESSION */
  accept(response: SessionResponse): void {
    const expected = this.#hmac(
      response.password,
      digest(this.hash, response.responseHashInput),
      response.nonceTpm,
      this.#nonceCaller,
      Uint8Array.of(response.attributes),
    );
    if (!equalBytes(expected, response.hmac)) {
      throw new TpmError('ERR_TPM_SESSION', 'the response is not authorised by its session');
    }
    this.#nonceTpm = response.nonceTpm;
    // A policy is used up by the command that it authorised.
    if (this.type === 'policy' && response.authorizes) this.#needsAuthValue = false;
  }

  /** Internal: encrypts the first parameter of a command. */
  encrypt(parameter: Uint8Array, password: Uint8Array): Uint8Array {
    return this.#crypt(parameter, password, this.#nonceCaller, this.#nonceTpm, true);
  }

  /** Internal: decrypts the first parameter of a response that was accepted. */
  decrypt(parameter: Uint8Array, password: Uint8Array): Uint8Array {
    return this.#crypt(parameter, password, this.#nonceTpm, this.#nonceCaller, false);
  }

  #hmac(password: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
    const key = this.#needsAuthValue ? concatBytes(this.#sessionKey, password) : this.#sessionKey;
    // Part 1, section 19.6.5: a policy session that has no key needs no HMAC.
    if (this.type !== 'hmac' && key.length === 0) return EMPTY;
    return hmacDigest(this.hash, key, ...parts);
  }

  /** Part 1, section 21: a fresh key for each parameter. */
  #crypt(
    parameter: Uint8Array,
    password: Uint8Array,
    nonceNewer: Uint8Array,
    nonceOlder: Uint8Array,
    encrypting: boolean,
  ): Uint8Array {
    const key = concatBytes(this.#sessionKey, password);
    const derive = (label: string, bits: number): Uint8Array =>
      kdfa({ hash: this.hash, key, label, contextU: nonceNewer, contextV: nonceOlder, bits });
    if (this.#encryption === 'XOR') {
      const mask = derive('XOR', 8 * parameter.length);
      return parameter.map((byte, index) => byte ^ (mask[index] ?? 0));
    }
    const keyBits = this.#encryption === 'AES-256-CFB' ? 256 : 128;
    const keyAndIv = derive('CFB', keyBits + 8 * AES_BLOCK_BYTES);
    const cipher = cfb(keyAndIv.slice(0, keyBits / 8), keyAndIv.slice(keyBits / 8));
    return encrypting ? cipher.encrypt(parameter) : cipher.decrypt(parameter);
  }

  async #policy(code: number, parameters: ByteWriter, options: CommandOptions): Promise<void> {
    const command = { code, handles: [this], parameters: parameters.finish() };
    await this.#channel.execute({ ...command, read: () => undefined }, options);
  }
}

/** Internal: what a session signs of a command. */
export interface SessionRequest {
  /** Of the entity that is authorised; empty when the session only encrypts. */
  readonly password: Uint8Array;
  /** Command code, names and parameters. */
  readonly commandHashInput: Uint8Array;
  /** Nonces of the TPM in other sessions that encrypt. */
  readonly otherNonces: readonly Uint8Array[];
  readonly encryptsCommand: boolean;
  readonly encryptsResponse: boolean;
}

/** Internal: what came back. */
export interface SessionResponse {
  readonly password: Uint8Array;
  readonly responseHashInput: Uint8Array;
  readonly nonceTpm: Uint8Array;
  readonly attributes: number;
  readonly hmac: Uint8Array;
  readonly authorizes: boolean;
}

function attributesOf({ encryptsCommand, encryptsResponse }: SessionRequest): number {
  return CONTINUE_SESSION | (encryptsCommand ? DECRYPT : 0) | (encryptsResponse ? ENCRYPT : 0);
}

/** TPMT_SYM_DEF of a session. */
export function encodeEncryption(
  encryption: ParameterEncryption | undefined,
  hash: HashName,
): Uint8Array {
  const writer = new ByteWriter();
  switch (encryption) {
    case undefined:
      return writer.u16(TPM_ALG.NULL).finish();
    case 'XOR':
      return writer.u16(TPM_ALG.XOR).u16(hashId(hash)).finish();
    case 'AES-128-CFB':
      return writer.u16(TPM_ALG.AES).u16(128).u16(TPM_ALG.CFB).finish();
    case 'AES-256-CFB':
      return writer.u16(TPM_ALG.AES).u16(256).u16(TPM_ALG.CFB).finish();
  }
}
