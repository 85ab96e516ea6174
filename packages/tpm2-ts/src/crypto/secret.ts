import { ByteWriter, DecodeError, encodeUtf8 } from '@cmc/bytes';
import { curveSize, hashSize } from '../algorithms.ts';
import type { TpmtPublic } from '../structures/public-area.ts';
import { kdfe } from './kdf.ts';
import { encodeSpki, type PublicKey, publicKeyOf } from './spki.ts';

/** A seed, and what only the TPM that holds the key can recover it from. */
export interface SharedSeed {
  readonly seed: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET without its size. */
  readonly encrypted: Uint8Array;
}

/**
 * A fresh seed for the holder of a decryption key (Part 1, annexes B.10 and C.6): `IDENTITY` for
 * credentials, `SECRET` for the salt of sessions.
 * @throws {TypeError} `area` holds no key @throws {DecodeError} a point that is not on its curve
 */
export async function shareSeed(area: TpmtPublic, label: string): Promise<SharedSeed> {
  const key = publicKeyOf(area);
  if (key === undefined) throw new TypeError(`a public area of type ${area.type} without a key`);
  try {
    return key.type === 'RSA' ? await encryptSeed(key, area, label) : await agree(key, area, label);
  } catch (cause) {
    const at = { path: ['TPMT_PUBLIC', 'unique'], offset: 0 };
    throw new DecodeError('ERR_DECODE_VALUE', 'the platform refuses this key', at, { cause });
  }
}

async function encryptSeed(key: PublicKey, area: TpmtPublic, label: string): Promise<SharedSeed> {
  const hash = area.nameAlg;
  const seed = crypto.getRandomValues(new Uint8Array(hashSize(hash)));
  const imported = await crypto.subtle.importKey(
    'spki',
    encodeSpki(key),
    { name: 'RSA-OAEP', hash },
    false,
    ['encrypt'],
  );
  const options = { name: 'RSA-OAEP', label: encodeUtf8(`${label}\0`) };
  return { seed, encrypted: new Uint8Array(await crypto.subtle.encrypt(options, imported, seed)) };
}

async function agree(
  key: Extract<PublicKey, { readonly type: 'ECC' }>,
  area: TpmtPublic,
  label: string,
): Promise<SharedSeed> {
  const size = curveSize(key.curve);
  const algorithm = { name: 'ECDH', namedCurve: key.curve };
  const theirs = await crypto.subtle.importKey('spki', encodeSpki(key), algorithm, false, []);
  const ours = await crypto.subtle.generateKey(algorithm, true, ['deriveBits']);
  const shared = await crypto.subtle.deriveBits(
    { name: 'ECDH', public: theirs },
    ours.privateKey,
    8 * size,
  );
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', ours.publicKey));
  const [x, y] = [point.slice(1, 1 + size), point.slice(1 + size)];
  const seed = kdfe({
    hash: area.nameAlg,
    key: new Uint8Array(shared),
    label,
    contextU: x,
    contextV: key.x,
    bits: 8 * hashSize(area.nameAlg),
  });
  return { seed, encrypted: new ByteWriter().sized16(x).sized16(y).finish() };
}
