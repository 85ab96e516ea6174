import { ByteWriter } from '@cmc/bytes';
import type { Session } from './session.ts';

/** Something that a handle stands for. */
export interface Entity {
  readonly handle: number;
  /** Of objects and NV indices, algorithm and digest of the public area; of others, the handle. */
  readonly name: Uint8Array;
}

/** What a command is authorised with for one handle. */
export interface Authorization {
  /** The password of the entity. Default: empty. */
  readonly password?: Uint8Array;
  /** Proves the password without sending it (HMAC session), or meets a policy instead. */
  readonly session?: Session;
}

/** What every command takes. */
export interface CommandOptions {
  /** An HMAC session that encrypts the first parameter of command and response. */
  readonly protection?: Session;
  readonly signal?: AbortSignal;
  /** Longest time until the response. Default: that of the connection. */
  readonly timeoutMs?: number;
}

/** Options of commands with one authorisation. */
export interface AuthorizedOptions extends CommandOptions {
  readonly auth?: Authorization;
}

/** A hierarchy, PCR or other handle that is its own name. */
export function permanentEntity(handle: number): Entity {
  return { handle, name: new ByteWriter().u32(handle).finish() };
}
