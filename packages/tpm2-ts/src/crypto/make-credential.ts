import { ByteWriter } from '@cmc/bytes';
import { cfb } from '@noble/ciphers/aes.js';
import { hashSize, hmacDigest } from '../algorithms.ts';
import type { TpmtPublic } from '../structures/public-area.ts';
import { kdfa } from './kdf.ts';
import { shareSeed } from './secret.ts';

/** A secret that only the TPM with one key and one endorsement key can open. */
export interface Credential {
  /** TPM2B_ID_OBJECT without its size: for `TPM2_ActivateCredential`. */
  readonly credentialBlob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET without its size. */
  readonly secret: Uint8Array;
}

export interface MakeCredentialOptions {
  /** Public area of the endorsement key, whose certificate the caller has verified. */
  readonly ek: TpmtPublic;
  /** Name of the key that the credential is for. */
  readonly name: Uint8Array;
  /** The secret: at most as long as a digest of the endorsement key's `nameAlg`. */
  readonly credential: Uint8Array;
}

const EMPTY = new Uint8Array();

/**
 * A credential for `TPM2_ActivateCredential`, made without a TPM (Part 1, section 24). Every hash and
 * key length follows the endorsement key.
 * @throws {TypeError} `ek` is no storage key @throws {RangeError} `credential` is empty or too long
 */
export async function makeCredential(options: MakeCredentialOptions): Promise<Credential> {
  const { ek, name, credential } = options;
  if (ek.type === 'KEYEDHASH' || ek.symmetric === undefined) {
    throw new TypeError('an endorsement key is a storage key: RSA or ECC with a symmetric cipher');
  }
  const hash = ek.nameAlg;
  if (credential.length === 0 || credential.length > hashSize(hash)) {
    throw new RangeError(
      `credential of ${credential.length} bytes, expected 1 to ${hashSize(hash)}`,
    );
  }
  const { seed, encrypted } = await shareSeed(ek, 'IDENTITY');
  const derive = (label: string, contextU: Uint8Array, bits: number): Uint8Array =>
    kdfa({ hash, key: seed, label, contextU, contextV: EMPTY, bits });
  const cipher = cfb(derive('STORAGE', name, ek.symmetric.keyBits), new Uint8Array(16));
  const identity = cipher.encrypt(new ByteWriter().sized16(credential).finish());
  const integrity = hmacDigest(
    hash,
    derive('INTEGRITY', EMPTY, 8 * hashSize(hash)),
    identity,
    name,
  );
  return {
    credentialBlob: new ByteWriter().sized16(integrity).bytes(identity).finish(),
    secret: encrypted,
  };
}
