import { constants, createPublicKey, type KeyObject, privateEncrypt, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { SignatureAlgorithm, Signer } from '@cmc/attestationreport';
import { concatBytes, fromBase64url, fromHex } from '@cmc/bytes';
import { SoftwareDriverError } from '../errors.ts';
import { encodePss } from './encode-pss.ts';
import { type PrivateKeyInput, parsePrivateKey } from './software-key.ts';

export interface SoftwareSignerOptions {
  readonly privateKey: PrivateKeyInput;
  /** X.509, DER, leaf first. Default: none. */
  readonly certificateChain?: readonly Uint8Array[];
}

interface Hash {
  readonly name: string;
  readonly bytes: number;
  /** DER of a DigestInfo up to the digest itself (RFC 8017, section 9.2, note 1). */
  readonly digestInfo: string;
}

const HASHES: Readonly<Record<string, Hash>> = Object.freeze({
  256: { name: 'sha256', bytes: 32, digestInfo: '3031300d060960864801650304020105000420' },
  384: { name: 'sha384', bytes: 48, digestInfo: '3041300d060960864801650304020205000430' },
  512: { name: 'sha512', bytes: 64, digestInfo: '3051300d060960864801650304020305000440' },
});

const EC_CURVES: Readonly<Record<string, SignatureAlgorithm>> = Object.freeze({
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
});
const RSA: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const LARGE_RSA: readonly SignatureAlgorithm[] = [
  'RS512',
  'RS256',
  'RS384',
  'PS512',
  'PS256',
  'PS384',
];
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const LARGE_RSA_BITS = 4096;

const signMessage = promisify<string, Uint8Array, Parameters<typeof sign>[2], Uint8Array>(sign);

/**
 * A {@link Signer} over a private key in memory: ECDSA on P-256, P-384 and P-521, RSA with 2048 to
 * 8192 bits (PKCS #1 v1.5 and PSS).
 *
 * `signDigest` of an ECDSA key computes in JavaScript, not in constant time: OpenSSL cannot be
 * given a digest. Where others can measure how long signing takes, use `signMessage`.
 *
 * @throws {SoftwareDriverError} ERR_SOFTWARE_KEY_FORMAT, ERR_SOFTWARE_KEY_UNSUPPORTED
 */
export function softwareSigner(options: SoftwareSignerOptions): Signer {
  const privateKey = parsePrivateKey(options.privateKey);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const algorithms = algorithmsOf(privateKey);
  const hashOf = (algorithm: SignatureAlgorithm): Hash => {
    const hash = algorithms.includes(algorithm) ? HASHES[algorithm.slice(2)] : undefined;
    if (hash !== undefined) return hash;
    throw new RangeError(`algorithm: expected one of ${algorithms.join(', ')}, got ${algorithm}`);
  };
  return {
    publicKey: new Uint8Array(publicKey),
    certificateChain: (options.certificateChain ?? []).map((der) => der.slice()),
    algorithms,
    async signMessage(message, algorithm, { signal } = {}) {
      const { name } = hashOf(algorithm);
      signal?.throwIfAborted();
      const input = signInput(privateKey, algorithm);
      // On P-256 signing takes less time than having another thread do it.
      if (algorithm === 'ES256') return new Uint8Array(sign(name, message, input));
      return new Uint8Array(await signMessage(name, message, input));
    },
    async signDigest(digest, algorithm, { signal } = {}) {
      const hash = hashOf(algorithm);
      if (digest.length !== hash.bytes) {
        throw new RangeError(`digest: expected ${hash.bytes} bytes, got ${digest.length}`);
      }
      signal?.throwIfAborted();
      return algorithm.startsWith('ES')
        ? signEcdsaDigest(privateKey, digest, algorithm)
        : signRsaDigest(privateKey, digest, hash, algorithm);
    },
  };
}

function algorithmsOf(privateKey: KeyObject): readonly SignatureAlgorithm[] {
  const { asymmetricKeyType, asymmetricKeyDetails } = privateKey;
  const { namedCurve = '', modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec') {
    const algorithm = EC_CURVES[namedCurve];
    if (algorithm !== undefined) return [algorithm];
  } else if (
    asymmetricKeyType === 'rsa' &&
    modulusLength >= MIN_RSA_BITS &&
    modulusLength <= MAX_RSA_BITS
  ) {
    return modulusLength < LARGE_RSA_BITS ? RSA : LARGE_RSA;
  }
  throw new SoftwareDriverError(
    'ERR_SOFTWARE_KEY_UNSUPPORTED',
    'expected an ECDSA key on P-256, P-384 or P-521, or an RSA key of ' +
      `${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, got ${asymmetricKeyType} ${namedCurve || modulusLength || ''}`,
  );
}

function signInput(key: KeyObject, algorithm: SignatureAlgorithm): Parameters<typeof sign>[2] {
  if (!algorithm.startsWith('PS')) return { key, dsaEncoding: 'ieee-p1363' };
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return { key, padding, saltLength };
}

async function signEcdsaDigest(
  key: KeyObject,
  digest: Uint8Array,
  algorithm: SignatureAlgorithm,
): Promise<Uint8Array> {
  // Takes a while to load, and most programs sign messages only.
  const { p256, p384, p521 } = await import('@noble/curves/nist.js');
  const curve = algorithm === 'ES256' ? p256 : algorithm === 'ES384' ? p384 : p521;
  const { d = '' } = key.export({ format: 'jwk' });
  return curve.sign(digest, fromBase64url(d), { prehash: false, lowS: false, extraEntropy: true });
}

function signRsaDigest(
  key: KeyObject,
  digest: Uint8Array,
  hash: Hash,
  algorithm: SignatureAlgorithm,
): Uint8Array {
  if (algorithm.startsWith('RS')) {
    const padding = constants.RSA_PKCS1_PADDING;
    const info = concatBytes(fromHex(hash.digestInfo), digest);
    return new Uint8Array(privateEncrypt({ key, padding }, info));
  }
  const padding = constants.RSA_NO_PADDING;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return new Uint8Array(privateEncrypt({ key, padding }, encodePss(digest, hash.name, bits)));
}
