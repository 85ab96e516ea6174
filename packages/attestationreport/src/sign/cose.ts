import { DecodeError, type DecodeErrorCode } from '@cmc/bytes';
import { type CborKey, type CborValue, decodeCbor, encodeCbor, Tagged } from '../codec/index.ts';
import type { VerificationAlgorithm } from '../crypto/index.ts';
import { ErrorCode } from '../error-codes.ts';
import { parseCertificate } from '../x509/index.ts';
import {
  MAX_CERTIFICATES,
  MAX_SIGNATURES,
  type MessageSignature,
  type SignedMessage,
} from './signed-message.ts';

/** Tag of COSE_Sign (RFC 9052, section 2). */
export const COSE_SIGN_TAG = 98;

type Headers = ReadonlyMap<CborKey, CborValue>;

// Header parameters, RFC 9052, section 3.1, and RFC 9360, section 2.
const ALG = 1;
const CRIT = 2;
const X5CHAIN = 33;
const X5U = 35;

interface CoseAlgorithm {
  readonly name: string;
  readonly id: number;
  /** ECDSA in COSE leaves the curve open (RFC 9053, section 2.1). */
  readonly verify: VerificationAlgorithm;
}

const ALGORITHMS: readonly CoseAlgorithm[] = [
  { name: 'ES256', id: -7, verify: 'ECDSA-SHA256' },
  { name: 'ES384', id: -35, verify: 'ECDSA-SHA384' },
  { name: 'ES512', id: -36, verify: 'ECDSA-SHA512' },
  { name: 'PS256', id: -37, verify: 'PS256' },
  { name: 'PS384', id: -38, verify: 'PS384' },
  { name: 'PS512', id: -39, verify: 'PS512' },
  { name: 'RS256', id: -257, verify: 'RS256' },
  { name: 'RS512', id: -259, verify: 'RS512' },
];

const NO_BYTES = new Uint8Array();
const NO_HEADERS: Headers = new Map();

/** Names of the algorithms of COSE signatures that are accepted, in the spelling of JOSE. */
export const COSE_ALGORITHMS: readonly string[] = ALGORITHMS.map(({ name }) => name);

/** One signature, ready to be written. */
export interface EncodedCoseSignature {
  readonly protectedHeader: Uint8Array;
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** Protected header of a signature, as it is signed. */
export function encodeCoseHeader(algorithm: string): Uint8Array {
  const id = ALGORITHMS.find(({ name }) => name === algorithm)?.id;
  if (id === undefined) throw new RangeError(`no COSE algorithm ${algorithm}`);
  return encodeCbor(new Map([[ALG, id]]));
}

/** The bytes that a COSE signature is over: Sig_structure (RFC 9052, section 4.4). */
export function coseSignedBytes(
  bodyHeader: Uint8Array,
  signatureHeader: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return encodeCbor(['Signature', bodyHeader, signatureHeader, NO_BYTES, payload]);
}

/** COSE_Sign with the payload inside. */
export function encodeCose(
  payload: Uint8Array,
  signatures: readonly EncodedCoseSignature[],
): Uint8Array {
  const entries = signatures.map(({ protectedHeader, certificates, signature }) => [
    protectedHeader,
    certificates.length === 0 ? NO_HEADERS : new Map([[X5CHAIN, certificates]]),
    signature,
  ]);
  return encodeCbor(new Tagged(COSE_SIGN_TAG, [NO_BYTES, NO_HEADERS, payload, entries]));
}

/** A COSE_Sign message with tag and embedded payload, in canonical CBOR. @throws {DecodeError} */
export function decodeCose(bytes: Uint8Array): SignedMessage {
  const tagged = decodeCbor(bytes, { tags: [COSE_SIGN_TAG], name: 'COSE_Sign' });
  if (!(tagged instanceof Tagged)) throw refuse('ERR_DECODE_TYPE', 'expected tag 98', 'tag');
  const [bodyHeader, unprotected, payload, list] = requireArray(tagged.value, 4, 'message');
  const body = decodeHeaders(bodyHeader, unprotected);
  if (!(payload instanceof Uint8Array)) {
    throw refuse('ERR_DECODE_TYPE', 'expected a payload inside the message', 'payload');
  }
  if (!isArray(list)) throw refuse('ERR_DECODE_TYPE', 'expected an array', 'signatures');
  if (list.length > MAX_SIGNATURES) {
    throw refuse('ERR_DECODE_LIMIT', `${list.length} of at most ${MAX_SIGNATURES}`, 'signatures');
  }
  const signatures = list.map((entry) => decodeSignature(entry, body.encoded, payload));
  return { serialization: 'cbor', payload, signatures };
}

function decodeSignature(
  entry: CborValue,
  bodyHeader: Uint8Array,
  payload: Uint8Array,
): MessageSignature {
  const [signatureHeader, unprotected, signature] = requireArray(entry, 3, 'signature');
  const { encoded, protectedHeaders, unprotectedHeaders } = decodeHeaders(
    signatureHeader,
    unprotected,
  );
  if (!(signature instanceof Uint8Array)) {
    throw refuse('ERR_DECODE_TYPE', 'expected a byte string', 'signature');
  }
  const id = protectedHeaders.get(ALG);
  return {
    algorithmName: String(typeof id === 'number' ? id : undefined),
    algorithm: ALGORITHMS.find((algorithm) => algorithm.id === id)?.verify,
    certificates: decodeX5chain(unprotectedHeaders.get(X5CHAIN)),
    signature,
    signedBytes: () => coseSignedBytes(bodyHeader, encoded, payload),
  };
}

interface DecodedHeaders {
  /** The protected headers as they are signed. */
  readonly encoded: Uint8Array;
  readonly protectedHeaders: Headers;
  readonly unprotectedHeaders: Headers;
}

function decodeHeaders(
  encoded: CborValue | undefined,
  unprotectedHeaders: CborValue | undefined,
): DecodedHeaders {
  if (!(encoded instanceof Uint8Array)) {
    throw refuse('ERR_DECODE_TYPE', 'expected a byte string', 'protected');
  }
  const protectedHeaders =
    encoded.length === 0 ? NO_HEADERS : decodeCbor(encoded, { name: 'protected' });
  if (!isMap(protectedHeaders)) throw refuse('ERR_DECODE_TYPE', 'expected a map', 'protected');
  if (!isMap(unprotectedHeaders)) throw refuse('ERR_DECODE_TYPE', 'expected a map', 'unprotected');
  for (const headers of [protectedHeaders, unprotectedHeaders]) {
    if (headers.has(CRIT) || headers.has(X5U)) {
      throw refuse(
        'ERR_DECODE_VALUE',
        'header parameters crit and x5u are not accepted',
        'headers',
      );
    }
  }
  if (unprotectedHeaders.has(ALG)) {
    throw refuse('ERR_DECODE_VALUE', 'an algorithm must be protected', 'unprotected');
  }
  // An empty map is signed as the empty string, however it was sent.
  return {
    encoded: protectedHeaders.size === 0 ? NO_BYTES : encoded,
    protectedHeaders,
    unprotectedHeaders,
  };
}

function decodeX5chain(x5chain: CborValue | undefined): MessageSignature['certificates'] {
  if (!isArray(x5chain)) {
    const details = 'expected an array of certificates in the unprotected header x5chain';
    return { code: ErrorCode.ParseX5C, details };
  }
  if (x5chain.length > MAX_CERTIFICATES) {
    const details = `${x5chain.length} certificates, at most ${MAX_CERTIFICATES}`;
    return { code: ErrorCode.ParseX5C, details };
  }
  const ders = x5chain.filter((entry) => entry instanceof Uint8Array);
  if (ders.length !== x5chain.length) {
    return { code: ErrorCode.DecodeCertChain, details: 'expected byte strings in x5chain' };
  }
  try {
    const [leaf, ...others] = ders.map(parseCertificate);
    if (leaf !== undefined) return [leaf, ...others];
    return { code: ErrorCode.ParseX5C, details: 'x5chain is empty' };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { code: ErrorCode.ParseCert, details: error.message };
  }
}

function requireArray(
  value: CborValue | undefined,
  length: number,
  name: string,
): readonly CborValue[] {
  if (!isArray(value) || value.length !== length) {
    throw refuse('ERR_DECODE_TYPE', `expected an array of ${length}`, name);
  }
  return value;
}

function isArray(value: CborValue | undefined): value is readonly CborValue[] {
  return Array.isArray(value);
}

function isMap(value: CborValue | undefined): value is Headers {
  return value instanceof Map;
}

function refuse(code: DecodeErrorCode, message: string, name: string): DecodeError {
  return new DecodeError(code, message, { path: ['COSE_Sign', name], offset: 0 });
}
