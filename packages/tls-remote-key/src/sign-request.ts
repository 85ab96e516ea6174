/** Hashes that TLS 1.2 and 1.3 sign with, by their usual names. */
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

/** How a digest is signed. */
export type SignatureScheme = 'ecdsa' | 'rsa-pss' | 'rsa-pkcs1';

/** What TLS wants signed. */
export interface SignRequest {
  readonly digest: Uint8Array;
  /** What `digest` was made with. */
  readonly hash: HashName;
  /**
   * What `digest` is the digest of, for signers that hash themselves: up to 128 KiB, in TLS 1.3 less
   * than 200 bytes. Absent where it is longer, or was hashed in pieces, which TLS does not do.
   */
  readonly message?: Uint8Array;
  readonly scheme: SignatureScheme;
  /** Bytes of salt, of `rsa-pss` only: as many as the digest has, as TLS demands. */
  readonly saltBytes?: number;
}

/**
 * Signs, blocking the thread. ECDSA signatures are DER (RFC 3279, section 2.2.3), RSA signatures
 * have the length of the modulus. What it throws fails the handshake, and nothing else.
 */
export type BlockingSigner = (request: SignRequest) => Uint8Array;

/** OpenSSL's names of hashes. */
const HASHES: Readonly<Record<string, HashName>> = Object.freeze({
  SHA1: 'SHA-1',
  'SHA2-256': 'SHA-256',
  'SHA2-384': 'SHA-384',
  'SHA2-512': 'SHA-512',
});

const SCHEMES: ReadonlySet<string> = new Set<SignatureScheme>(['ecdsa', 'rsa-pss', 'rsa-pkcs1']);

/** The request in usual names. Throws where it is one that TLS does not make. */
export function toSignRequest(
  digest: Uint8Array,
  hash: string,
  scheme: string,
  saltBytes: number,
  message: Uint8Array | undefined,
): SignRequest {
  const name = HASHES[hash];
  if (name === undefined) throw new Error(`hash: expected one of SHA-1 and SHA-2, got ${hash}`);
  if (!isScheme(scheme)) throw new Error(`scheme: not known: ${scheme}`);
  const request = { digest, hash: name, scheme, ...(message === undefined ? {} : { message }) };
  if (scheme !== 'rsa-pss') return request;
  if (saltBytes !== digest.length) {
    throw new Error(`salt: expected ${digest.length} bytes, got ${saltBytes}`);
  }
  return { ...request, saltBytes };
}

function isScheme(scheme: string): scheme is SignatureScheme {
  return SCHEMES.has(scheme);
}
