import { setTimeout as sleep } from 'node:timers/promises';
import { ByteReader, ByteWriter, concatBytes } from '@cmc/bytes';
import { MAX_DIGEST_BYTES } from '../algorithms.ts';
import { TpmError } from '../errors.ts';
import { MAX_MESSAGE_BYTES, type Transport } from '../transport/transport.ts';
import { TPM_CC, TPM_RH, TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS } from './constants.ts';
import type { Authorization, CommandOptions, Entity } from './entity.ts';
import { Exclusive } from './exclusive.ts';
import { decodeResponseCode, describeResponseCode } from './response-code.ts';
import type { Session } from './session.ts';

/** A command of Part 3. */
export interface Command<T> {
  /** Of {@link TPM_CC}. */
  readonly code: number;
  readonly handles?: readonly Entity[];
  /** For the first handles, in their order. */
  readonly auths?: readonly Authorization[];
  readonly parameters?: Uint8Array;
  /** Where the first parameter is a TPM2B, so that a session can encrypt it. */
  readonly encrypts?: 'command' | 'response' | 'both';
  readonly returnsHandle?: boolean;
  /** Reads the response parameters, all of them. */
  readonly read: (reader: ByteReader, handle: number) => T;
}

export interface ChannelOptions {
  /** Longest time a command may take, waiting for others included. Default: 120 s. */
  readonly timeoutMs?: number;
  /** How often a command is sent again that the TPM asked to repeat. Default: 20. */
  readonly maxRetries?: number;
}

interface Participant {
  readonly session?: Session;
  readonly password: Uint8Array;
}

interface Outcome<T> {
  readonly value: T;
  readonly handle?: number;
}

const EMPTY = new Uint8Array();
const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_MAX_RETRIES = 20;
const MAX_RETRY_DELAY_MS = 500;
const HEADER_BYTES = 10;
const MAX_SESSIONS = 3;
/** The TPM could not start or finish the command, and wants it again. */
const AGAIN: readonly string[] = ['RETRY', 'YIELDED', 'TESTING'];

/** Commands to one TPM, one at a time. Knows what they loaded, and flushes it when it is closed. */
export class TpmChannel {
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #exclusive: Exclusive;
  readonly #loaded = new Set<number>();
  #closed = false;

  constructor(transport: Transport, options: ChannelOptions = {}) {
    this.#transport = transport;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;
    this.#exclusive = new Exclusive(() => {
      this.#closed = true;
      void transport.close();
    });
  }

  /** Sends a command and reads its response. @throws {TpmError} {@link TpmErrorCode} */
  async execute<T>(command: Command<T>, options: CommandOptions = {}): Promise<T> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    const { value } = await this.#exclusive.run(() => this.#execute(command, options), {
      signal,
      timeoutMs,
      abandoned: async ({ handle }) => {
        if (handle !== undefined) await this.#flushNow(handle);
      },
    });
    return value;
  }

  /** Removes something that a command loaded; nothing happens when it is gone already. */
  async flush(handle: number): Promise<void> {
    if (this.#closed || !this.#loaded.has(handle)) return;
    await this.#exclusive.run(() => this.#flushNow(handle), {
      timeoutMs: this.#timeoutMs,
      abandoned: async () => {},
    });
  }

  /** Forgets a handle that the TPM removed by itself. */
  forget(handle: number): void {
    this.#loaded.delete(handle);
  }

  /** Flushes what is loaded and closes the transport. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      for (const handle of this.#loaded) await this.flush(handle);
    } finally {
      this.#closed = true;
      this.#loaded.clear();
      await this.#transport.close();
    }
  }

  async #execute<T>(command: Command<T>, options: CommandOptions): Promise<Outcome<T>> {
    const participants = participantsOf(command, options);
    const encrypting = encryptingOf(participants, command);
    for (const { session } of participants) session?.rollNonce();
    const encryptsCommand = command.encrypts === 'command' || command.encrypts === 'both';
    const encryptsResponse = command.encrypts === 'response' || command.encrypts === 'both';
    const parameters =
      encrypting !== undefined && encryptsCommand
        ? replaceFirst(command.parameters ?? EMPTY, (first) =>
            encrypting.session.encrypt(first, encrypting.password),
          )
        : (command.parameters ?? EMPTY);
    const code = u32(command.code);
    const handles = command.handles ?? [];
    const names = handles.map(({ name }) => name);
    const commandHashInput = concatBytes(code, ...names, parameters);
    const auths = participants.map(({ session, password }, index) => {
      if (session === undefined) return encodePassword(password);
      const isEncrypting = session === encrypting?.session;
      return session.authorize({
        password,
        commandHashInput,
        otherNonces:
          index === 0 && encrypting !== undefined && !isEncrypting
            ? [encrypting.session.nonceTpm]
            : [],
        encryptsCommand: isEncrypting && encryptsCommand,
        encryptsResponse: isEncrypting && encryptsResponse,
      });
    });
    const area = concatBytes(...auths);
    const body = concatBytes(
      ...handles.map(({ handle }) => u32(handle)),
      ...(auths.length === 0 ? [] : [u32(area.length), area]),
      parameters,
    );
    const tag = auths.length === 0 ? TPM_ST_NO_SESSIONS : TPM_ST_SESSIONS;
    const reader = await this.#transact(tag, command.code, body, options.signal);
    const handle = command.returnsHandle === true ? reader.u32() : undefined;
    if (handle !== undefined) this.#loaded.add(handle);
    try {
      const plain =
        auths.length === 0
          ? reader
          : acceptResponse(
              reader,
              command,
              participants,
              encryptsResponse ? encrypting : undefined,
            );
      const value = command.read(plain, handle ?? 0);
      plain.end();
      return { value, ...(handle === undefined ? {} : { handle }) };
    } catch (error) {
      if (handle !== undefined) await this.#flushNow(handle);
      throw error;
    }
  }

  /** Sends until the TPM does not ask for it again; gives what follows the header. */
  async #transact(
    tag: number,
    code: number,
    body: Uint8Array,
    signal?: AbortSignal,
  ): Promise<ByteReader> {
    const size = HEADER_BYTES + body.length;
    if (size > MAX_MESSAGE_BYTES) {
      throw new RangeError(`command of ${size} bytes, at most ${MAX_MESSAGE_BYTES}`);
    }
    const request = new ByteWriter().u16(tag).u32(size).u32(code).bytes(body).finish();
    for (let attempt = 0; ; attempt++) {
      if (this.#closed) throw new TpmError('ERR_TPM_TRANSPORT', 'the connection is closed');
      const response = await this.#transmit(request);
      const reader = new ByteReader(response, 'response');
      const responseTag = reader.field('tag', (field) => field.u16());
      const length = reader.field('responseSize', (field) => field.u32());
      if (length !== response.length) {
        reader.fail('ERR_DECODE_VALUE', `size ${length} of a response of ${response.length} bytes`);
      }
      const rc = reader.field('responseCode', (field) => field.u32());
      if (rc === 0) {
        if (responseTag !== tag) {
          reader.fail('ERR_DECODE_VALUE', `tag 0x${responseTag.toString(16)}`);
        }
        return reader;
      }
      const answer = decodeResponseCode(rc);
      const isAgain = AGAIN.includes(answer.name) && attempt < this.#maxRetries;
      if (!isAgain) {
        throw new TpmError(
          'ERR_TPM_RESPONSE',
          `${commandName(code)}: ${describeResponseCode(answer)}`,
          { response: answer },
        );
      }
      await sleep(Math.min(2 ** attempt, MAX_RETRY_DELAY_MS), undefined, {
        ...(signal === undefined ? {} : { signal }),
      });
    }
  }

  /** After a failure it is unknown what the next bytes would belong to. */
  async #transmit(request: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#transport.transmit(request);
    } catch (error) {
      this.#closed = true;
      await this.#transport.close();
      throw error;
    }
  }

  async #flushNow(handle: number): Promise<void> {
    if (this.#closed || !this.#loaded.delete(handle)) return;
    const reader = await this.#transact(TPM_ST_NO_SESSIONS, TPM_CC.FlushContext, u32(handle));
    reader.end();
  }
}

function participantsOf(
  { auths = [] }: Command<unknown>,
  { protection }: CommandOptions,
): readonly Participant[] {
  const participants: Participant[] = auths.map(({ session, password = EMPTY }) => ({
    ...(session === undefined ? {} : { session }),
    password: withoutTrailingZeros(password),
  }));
  const isExtra =
    protection !== undefined && participants.every(({ session }) => session !== protection);
  if (isExtra) participants.push({ session: protection, password: EMPTY });
  if (participants.length > MAX_SESSIONS) {
    throw new RangeError(`${participants.length} sessions, at most ${MAX_SESSIONS}`);
  }
  return participants;
}

/** The session that encrypts parameters of this command. */
function encryptingOf(
  participants: readonly Participant[],
  { encrypts }: Command<unknown>,
): Required<Participant> | undefined {
  if (encrypts === undefined) return undefined;
  for (const { session, password } of participants) {
    if (session?.encrypts === true) return { session, password };
  }
  return undefined;
}

/** Checks the sessions of a response and gives its parameters in the clear. */
function acceptResponse(
  reader: ByteReader,
  { code, auths = [] }: Command<unknown>,
  participants: readonly Participant[],
  encrypting: Required<Participant> | undefined,
): ByteReader {
  const parameters = reader.field('parameters', (field) => field.sized32(MAX_MESSAGE_BYTES));
  const responseHashInput = concatBytes(u32(0), u32(code), parameters);
  for (const [index, { session, password }] of participants.entries()) {
    const nonceTpm = reader.sized16(MAX_DIGEST_BYTES);
    const attributes = reader.u8();
    const hmac = reader.sized16(MAX_DIGEST_BYTES);
    session?.accept({
      password,
      responseHashInput,
      nonceTpm,
      attributes,
      hmac,
      authorizes: index < auths.length,
    });
  }
  reader.end();
  const plain =
    encrypting === undefined
      ? parameters
      : replaceFirst(parameters, (first) => encrypting.session.decrypt(first, encrypting.password));
  return new ByteReader(plain, 'response');
}

/** Replaces the content of a TPM2B at the front of `parameters` by as many other bytes. */
function replaceFirst(
  parameters: Uint8Array,
  replace: (content: Uint8Array) => Uint8Array,
): Uint8Array {
  const reader = new ByteReader(parameters, 'parameters');
  const content = reader.sized16(MAX_MESSAGE_BYTES);
  return new ByteWriter().sized16(replace(content)).bytes(reader.rest()).finish();
}

function encodePassword(password: Uint8Array): Uint8Array {
  return new ByteWriter().u32(TPM_RH.PASSWORD).u16(0).u8(1).sized16(password).finish();
}

/** Part 1, section 17.6.4.3: the TPM compares passwords without the zeros at their end. */
function withoutTrailingZeros(password: Uint8Array): Uint8Array {
  let end = password.length;
  while (end > 0 && password[end - 1] === 0) end--;
  return password.slice(0, end);
}

function commandName(code: number): string {
  const [name] = Object.entries(TPM_CC).find(([, value]) => value === code) ?? [];
  return `TPM2_${name ?? `0x${code.toString(16)}`}`;
}

function u32(value: number): Uint8Array {
  return new ByteWriter().u32(value).finish();
}
