import { ByteWriter } from '@cmc/bytes';
import { type HashName, hashId, hashSize } from '../algorithms.ts';
import { kdfa } from '../crypto/kdf.ts';
import { shareSeed } from '../crypto/secret.ts';
import { decodeTpmtPublic } from '../structures/public-area.ts';
import type { TpmChannel } from './channel.ts';
import { TPM_CC, TPM_RH } from './constants.ts';
import { type CommandOptions, type Entity, permanentEntity } from './entity.ts';
import {
  encodeEncryption,
  type ParameterEncryption,
  Session,
  type SessionType,
} from './session.ts';

export interface SessionOptions extends CommandOptions {
  readonly type: SessionType;
  /** Default: SHA-256. */
  readonly hash?: HashName;
  /**
   * A decryption key of the TPM that the caller knows to be its own (by certificate): a salt is
   * encrypted to it, without which nobody on the way can read or forge anything in this session.
   */
  readonly saltKey?: Entity & { readonly publicArea: Uint8Array };
  /** Encrypts the first parameter of commands and responses. Means little without `saltKey`. */
  readonly encryption?: ParameterEncryption;
}

const EMPTY = new Uint8Array();
const TYPES: Readonly<Record<SessionType, number>> = { hmac: 0, policy: 1, trial: 3 };
const NULL = permanentEntity(TPM_RH.NULL);

/** Starts a session (Part 1, section 19.6.8). */
export async function startSession(channel: TpmChannel, options: SessionOptions): Promise<Session> {
  const { type, hash = 'SHA-256', saltKey, encryption } = options;
  const salt =
    saltKey === undefined
      ? { seed: EMPTY, encrypted: EMPTY }
      : await shareSeed(decodeTpmtPublic(saltKey.publicArea), 'SECRET');
  const nonceCaller = crypto.getRandomValues(new Uint8Array(hashSize(hash)));
  return await channel.execute(
    {
      code: TPM_CC.StartAuthSession,
      handles: [saltKey ?? NULL, NULL],
      parameters: new ByteWriter()
        .sized16(nonceCaller)
        .sized16(salt.encrypted)
        .u8(TYPES[type])
        .bytes(encodeEncryption(encryption, hash))
        .u16(hashId(hash))
        .finish(),
      returnsHandle: true,
      read: (reader, handle) => {
        const nonceTpm = reader.sized16(hashSize(hash));
        const sessionKey =
          saltKey === undefined
            ? EMPTY
            : kdfa({
                hash,
                key: salt.seed,
                label: 'ATH',
                contextU: nonceTpm,
                contextV: nonceCaller,
                bits: 8 * hashSize(hash),
              });
        return new Session(channel, {
          type,
          hash,
          handle,
          nonceCaller,
          nonceTpm,
          sessionKey,
          ...(encryption === undefined ? {} : { encryption }),
        });
      },
    },
    options,
  );
}
