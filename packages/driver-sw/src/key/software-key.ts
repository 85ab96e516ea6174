import { createPrivateKey, generateKeyPair, KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { SoftwareDriverError } from '../errors.ts';

/** Kinds of keys that this driver makes. */
export type SoftwareKeyAlgorithm = 'EC256' | 'EC384' | 'EC521' | 'RSA2048' | 'RSA4096';

/** A private key: in memory, PEM text, or bytes of PEM or DER, each PKCS #8 or SEC 1. */
export type PrivateKeyInput = KeyObject | string | Uint8Array;

const CURVES = { EC256: 'P-256', EC384: 'P-384', EC521: 'P-521' } as const;
const MODULUS_BITS = { RSA2048: 2048, RSA4096: 4096 } as const;
/** Longest encoding of a private key: RSA with 8192 bits needs 7 KB in PEM. */
export const MAX_PRIVATE_KEY_BYTES: number = 16 * 1024;

const makeKeyPair = promisify(generateKeyPair);

/** A new private key, extractable. @throws {RangeError} there is no such algorithm */
export async function createSoftwareKey(options: {
  readonly algorithm: SoftwareKeyAlgorithm;
}): Promise<KeyObject> {
  const { algorithm } = options;
  if (Object.hasOwn(CURVES, algorithm)) {
    const namedCurve = CURVES[algorithm as keyof typeof CURVES];
    return (await makeKeyPair('ec', { namedCurve })).privateKey;
  }
  if (Object.hasOwn(MODULUS_BITS, algorithm)) {
    const modulusLength = MODULUS_BITS[algorithm as keyof typeof MODULUS_BITS];
    return (await makeKeyPair('rsa', { modulusLength })).privateKey;
  }
  const known = [...Object.keys(CURVES), ...Object.keys(MODULUS_BITS)].join(', ');
  throw new RangeError(`algorithm: expected one of ${known}, got ${algorithm}`);
}

/**
 * The private key that `input` holds.
 * @throws {SoftwareDriverError} ERR_SOFTWARE_KEY_FORMAT
 */
export function parsePrivateKey(input: PrivateKeyInput): KeyObject {
  if (input instanceof KeyObject) {
    if (input.type === 'private') return input;
    throw notAKey(`expected a private key, got a ${input.type} one`);
  }
  if (input.length > MAX_PRIVATE_KEY_BYTES) {
    throw notAKey(`${input.length} bytes, at most ${MAX_PRIVATE_KEY_BYTES} are accepted`);
  }
  const key = typeof input === 'string' ? input : Buffer.from(input);
  const forms = [
    { key, format: 'pem' },
    { key, format: 'der', type: 'pkcs8' },
    { key, format: 'der', type: 'sec1' },
  ] as const;
  // What is wrong with a key is not said: OpenSSL's errors may quote it.
  for (const form of typeof input === 'string' ? forms.slice(0, 1) : forms) {
    try {
      return createPrivateKey(form);
    } catch {}
  }
  throw notAKey('expected an unencrypted private key in PKCS #8 or SEC 1, PEM or DER');
}

function notAKey(message: string): SoftwareDriverError {
  return new SoftwareDriverError('ERR_SOFTWARE_KEY_FORMAT', message);
}
