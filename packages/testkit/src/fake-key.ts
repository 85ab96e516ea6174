import {
  constants,
  createECDH,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';
import { concatBytes, fromHex, toHex } from '@cmc/bytes';
import { encodePss } from './pss.ts';

/** Kinds of test keys. The weak ones are for tests of refusals. */
export type FakeKeyAlgorithm =
  | 'EC256'
  | 'EC384'
  | 'EC521'
  | 'RSA2048'
  | 'RSA3072'
  | 'RSA4096'
  | 'Ed25519'
  | 'weak-RSA1024'
  | 'weak-EC224'
  | 'weak-secp256k1';

/** A key pair in memory. */
export interface FakeKey {
  readonly algorithm: FakeKeyAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** JOSE names of signature algorithms. */
export type FakeSignatureAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512';

/** Has the shape of `Signer` of @cmc/attestationreport, which this package must not import. */
export interface FakeSigner {
  readonly publicKey: Uint8Array;
  readonly certificateChain: readonly Uint8Array[];
  readonly algorithms: readonly FakeSignatureAlgorithm[];
  signDigest(digest: Uint8Array, algorithm: FakeSignatureAlgorithm): Promise<Uint8Array>;
  signMessage(message: Uint8Array, algorithm: FakeSignatureAlgorithm): Promise<Uint8Array>;
}

const CURVES: Readonly<Record<string, string>> = {
  EC256: 'P-256',
  EC384: 'P-384',
  EC521: 'P-521',
  'weak-EC224': 'P-224',
  'weak-secp256k1': 'secp256k1',
};

const SIGNATURES: Readonly<Record<FakeKeyAlgorithm, readonly FakeSignatureAlgorithm[]>> = {
  EC256: ['ES256'],
  EC384: ['ES384'],
  EC521: ['ES512'],
  RSA2048: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  RSA3072: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  RSA4096: ['RS512', 'RS256', 'RS384', 'PS512', 'PS256', 'PS384'],
  Ed25519: [],
  'weak-RSA1024': ['RS256'],
  'weak-EC224': ['ES256'],
  'weak-secp256k1': ['ES256'],
};

/** A new key pair; blocks while it is made (RSA takes up to seconds). */
export function createFakeKeySync(algorithm: FakeKeyAlgorithm = 'EC256'): FakeKey {
  const namedCurve = CURVES[algorithm];
  if (namedCurve !== undefined) return { algorithm, ...generateKeyPairSync('ec', { namedCurve }) };
  if (algorithm === 'Ed25519') return { algorithm, ...generateKeyPairSync('ed25519') };
  return { algorithm, ...generateKeyPairSync('rsa', { modulusLength: rsaBits(algorithm) }) };
}

/** A new key pair. */
export async function createFakeKey(algorithm: FakeKeyAlgorithm = 'EC256'): Promise<FakeKey> {
  if (!algorithm.includes('RSA')) return createFakeKeySync(algorithm);
  const modulusLength = rsaBits(algorithm);
  return { algorithm, ...(await promisify(generateKeyPair)('rsa', { modulusLength })) };
}

/** SubjectPublicKeyInfo of a key, DER. */
export function spkiOf(key: FakeKey): Uint8Array {
  return new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' }));
}

/** A `Signer` over a key pair, with certificates (DER, leaf first) if it has any. */
export function fakeSigner(key: FakeKey, certificateChain: readonly Uint8Array[] = []): FakeSigner {
  return {
    publicKey: spkiOf(key),
    certificateChain,
    algorithms: SIGNATURES[key.algorithm],
    async signMessage(message, algorithm) {
      const pss = algorithm.startsWith('PS');
      const signature = sign(`sha${algorithm.slice(2)}`, message, {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
        ...(pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: -1 } : {}),
      });
      return new Uint8Array(signature);
    },
    async signDigest(digest, algorithm) {
      if (algorithm.startsWith('ES')) return signEcdsaDigest(key, digest);
      if (algorithm.startsWith('PS')) return signPssDigest(key, digest, algorithm);
      return signRsaDigest(key, digest);
    },
  };
}

function rsaBits(algorithm: FakeKeyAlgorithm): number {
  return Number(/\d+$/.exec(algorithm)?.[0]);
}

const DIGEST_INFO: Readonly<Record<number, string>> = {
  32: '3031300d060960864801650304020105000420',
  48: '3041300d060960864801650304020205000430',
  64: '3051300d060960864801650304020305000440',
};

function signRsaDigest(key: FakeKey, digest: Uint8Array): Uint8Array {
  const prefix = DIGEST_INFO[digest.length];
  if (prefix === undefined) throw new RangeError(`no RSA digest of ${digest.length} bytes`);
  const padding = constants.RSA_PKCS1_PADDING;
  const info = concatBytes(fromHex(prefix), digest);
  return new Uint8Array(privateEncrypt({ key: key.privateKey, padding }, info));
}

function signPssDigest(
  key: FakeKey,
  digest: Uint8Array,
  algorithm: FakeSignatureAlgorithm,
): Uint8Array {
  const bits = key.privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  const encoded = encodePss(digest, `sha${algorithm.slice(2)}`, bits);
  const padding = constants.RSA_NO_PADDING;
  return new Uint8Array(privateEncrypt({ key: key.privateKey, padding }, encoded));
}

const ORDERS: Readonly<Record<string, string>> = {
  prime256v1: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  secp384r1:
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  secp521r1:
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
};

// node:crypto has no ECDSA over a ready digest (as a TPM has). Not in constant time: for tests only.
function signEcdsaDigest(key: FakeKey, digest: Uint8Array): Uint8Array {
  const curve = key.privateKey.asymmetricKeyDetails?.namedCurve ?? '';
  const orderHex = ORDERS[curve];
  if (orderHex === undefined) throw new RangeError(`no ECDSA over a digest with ${curve}`);
  const order = BigInt(`0x${orderHex}`);
  const orderBits = order.toString(2).length;
  const excess = Math.max(0, digest.length * 8 - orderBits);
  const z = BigInt(`0x${toHex(digest)}`) >> BigInt(excess);
  const jwk = key.privateKey.export({ format: 'jwk' });
  const d = BigInt(`0x${Buffer.from(jwk.d ?? '', 'base64url').toString('hex')}`);
  const ecdh = createECDH(curve);
  ecdh.generateKeys();
  const k = BigInt(`0x${ecdh.getPrivateKey('hex')}`);
  const point = ecdh.getPublicKey();
  const x = point.subarray(1, 1 + (point.length - 1) / 2);
  const r = BigInt(`0x${x.toString('hex')}`) % order;
  const s = (invert(k, order) * (z + r * d)) % order;
  const width = Math.ceil(orderBits / 8) * 2;
  return fromHex(r.toString(16).padStart(width, '0') + s.toString(16).padStart(width, '0'));
}

function invert(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b, x, y] = [b % a, a, y - quotient * x, x];
  }
  return ((x % modulus) + modulus) % modulus;
}
