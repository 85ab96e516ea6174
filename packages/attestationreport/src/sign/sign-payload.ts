import { CmcError, equalBytes, toBase64url } from '@cmc/bytes';
import type { SignatureAlgorithm, Signer, WaitOptions } from '../contract.ts';
import { digest, signatureScheme, verifySignature } from '../crypto/index.ts';
import type { Serialization } from '../types/serialization.ts';
import { parseCertificate } from '../x509/index.ts';
import { COSE_ALGORITHMS, coseSignedBytes, encodeCose, encodeCoseHeader } from './cose.ts';
import { encodeJws, encodeJwsHeader, JWS_ALGORITHMS, jwsSignedBytes } from './jws.ts';
import { MAX_CERTIFICATES, MAX_SIGNATURES } from './signed-message.ts';

/** Codes of the errors of {@link signPayload}. */
export type SignErrorCode =
  /** The signer has no algorithm that the encoding accepts. */
  | 'ERR_SIGN_ALGORITHM'
  /** The signer's leaf certificate is not of its key, or there are too many certificates. */
  | 'ERR_SIGN_CERTIFICATE'
  /** What the signer returned is not a signature by its key. */
  | 'ERR_SIGN_SIGNATURE';

/** How to sign. */
export interface SignPayloadOptions extends WaitOptions {
  /**
   * Whether signatures are verified before they are given out. Default `true`; without it a broken
   * signer is noticed by whoever verifies the item, and not here.
   */
  readonly selfCheck?: boolean;
}

/**
 * Signed item around `payload`: JWS in JSON serialization, or COSE_Sign with tag 98, with the
 * certificates of each signer. Several signers make several signatures, in their order.
 * @throws {RangeError} no signer, too many, or one of them twice
 * @throws {CmcError} a {@link SignErrorCode}
 */
export async function signPayload(
  payload: Uint8Array,
  signers: readonly Signer[],
  serialization: Serialization,
  options: SignPayloadOptions = {},
): Promise<Uint8Array> {
  checkSigners(signers);
  return serialization === 'json'
    ? signJws(payload, signers, options)
    : signCose(payload, signers, options);
}

async function signJws(
  bytes: Uint8Array,
  signers: readonly Signer[],
  options: SignPayloadOptions,
): Promise<Uint8Array> {
  const payload = toBase64url(bytes);
  const signatures = [];
  for (const signer of signers) {
    const algorithm = chooseAlgorithm(signer, [...JWS_ALGORITHMS.keys()]);
    const protectedHeader = encodeJwsHeader(algorithm, signer.certificateChain);
    const message = jwsSignedBytes(protectedHeader, payload);
    const signature = await sign(signer, algorithm, message, options);
    signatures.push({ protectedHeader, signature });
  }
  return encodeJws(payload, signatures);
}

async function signCose(
  payload: Uint8Array,
  signers: readonly Signer[],
  options: SignPayloadOptions,
): Promise<Uint8Array> {
  const signatures = [];
  for (const signer of signers) {
    // RSASSA-PKCS1-v1_5 is new in COSE, so that not every peer can verify it.
    const algorithm = chooseAlgorithm(signer, COSE_ALGORITHMS.filter(isNotPkcs1), COSE_ALGORITHMS);
    const protectedHeader = encodeCoseHeader(algorithm);
    const message = coseSignedBytes(new Uint8Array(), protectedHeader, payload);
    const signature = await sign(signer, algorithm, message, options);
    signatures.push({ protectedHeader, certificates: signer.certificateChain, signature });
  }
  return encodeCose(payload, signatures);
}

function checkSigners(signers: readonly Signer[]): void {
  if (signers.length === 0 || signers.length > MAX_SIGNATURES) {
    throw new RangeError(`signers: expected 1 to ${MAX_SIGNATURES}, got ${signers.length}`);
  }
  for (const [index, { publicKey, certificateChain }] of signers.entries()) {
    if (signers.slice(0, index).some((other) => equalBytes(other.publicKey, publicKey))) {
      throw new RangeError(`signers: the key of signer ${index} is there twice`);
    }
    if (certificateChain.length > MAX_CERTIFICATES) {
      const message = `expected at most ${MAX_CERTIFICATES} certificates`;
      throw new CmcError('ERR_SIGN_CERTIFICATE', `${message}, got ${certificateChain.length}`);
    }
    const [leaf] = certificateChain;
    if (leaf !== undefined && !equalBytes(parseCertificate(leaf).spki, publicKey)) {
      throw new CmcError('ERR_SIGN_CERTIFICATE', 'the leaf certificate is of another key');
    }
  }
}

// The first that the signer has of the preferred ones, if it has none, of the accepted ones.
function chooseAlgorithm(
  signer: Signer,
  preferred: readonly string[],
  accepted: readonly string[] = preferred,
): SignatureAlgorithm {
  const algorithm =
    signer.algorithms.find((name) => preferred.includes(name)) ??
    signer.algorithms.find((name) => accepted.includes(name));
  if (algorithm === undefined) {
    throw new CmcError(
      'ERR_SIGN_ALGORITHM',
      `expected one of ${accepted.join(', ')}, the signer has ${signer.algorithms.join(', ')}`,
    );
  }
  return algorithm;
}

function isNotPkcs1(algorithm: string): boolean {
  return !algorithm.startsWith('RS');
}

async function sign(
  signer: Signer,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  options: SignPayloadOptions,
): Promise<Uint8Array> {
  const { signal, selfCheck = true } = options;
  signal?.throwIfAborted();
  const wait = signal === undefined ? {} : { signal };
  const signature =
    signer.signMessage === undefined
      ? await signer.signDigest(digestFor(algorithm, message), algorithm, wait)
      : await signer.signMessage(message, algorithm, wait);
  // Hardware fails too: a signature that nobody could verify must not leave the house.
  if (selfCheck && !(await verifySignature(signer.publicKey, algorithm, message, signature))) {
    throw new CmcError(
      'ERR_SIGN_SIGNATURE',
      `not a signature with ${algorithm} by the signer's key`,
    );
  }
  return signature;
}

function digestFor(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array {
  const scheme = signatureScheme(algorithm);
  if (scheme.type === 'ed25519') throw new RangeError(`${algorithm} signs no digests`);
  return digest(scheme.hash, message);
}
