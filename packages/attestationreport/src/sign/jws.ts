import {
  DecodeError,
  type DecodeErrorCode,
  encodeUtf8,
  fromBase64,
  fromBase64url,
  toBase64,
  toBase64url,
} from '@cmc/bytes';
import { parseJson } from '../codec/index.ts';
import type { VerificationAlgorithm } from '../crypto/index.ts';
import { ErrorCode } from '../error-codes.ts';
import type { JsonObject, JsonValue } from '../types/report.ts';
import { parseCertificate } from '../x509/index.ts';
import {
  MAX_CERTIFICATES,
  MAX_SIGNATURES,
  type MessageSignature,
  type SignedMessage,
} from './signed-message.ts';

/** Algorithms of JWS signatures that are accepted, by their names in the header. */
export const JWS_ALGORITHMS: ReadonlyMap<string, VerificationAlgorithm> = new Map(
  (['ES256', 'ES384', 'ES512', 'RS256', 'RS512'] as const).map((name) => [name, name]),
);

const MESSAGE_MEMBERS = ['payload', 'signatures', 'protected', 'header', 'signature'];
// Header parameters that name another key, or change what is signed or how it must be read.
const REFUSED_PARAMETERS = ['jwk', 'jku', 'x5u', 'crit', 'b64'];
const PARAMETERS = ['alg', 'x5c', ...REFUSED_PARAMETERS];

/** One signature, ready to be written. */
export interface EncodedJwsSignature {
  readonly protectedHeader: string;
  readonly signature: Uint8Array;
}

/** Protected header, as it is signed (RFC 7515, sections 4.1.1 and 4.1.6). */
export function encodeJwsHeader(algorithm: string, certificates: readonly Uint8Array[]): string {
  const x5c = certificates.length === 0 ? {} : { x5c: certificates.map(toBase64) };
  return toBase64url(encodeUtf8(JSON.stringify({ alg: algorithm, ...x5c })));
}

/** The bytes that a JWS signature is over (RFC 7515, section 5.1). */
export function jwsSignedBytes(protectedHeader: string, payload: string): Uint8Array {
  return encodeUtf8(`${protectedHeader}.${payload}`);
}

/** JWS JSON serialization: flattened with one signature, general with several. */
export function encodeJws(payload: string, signatures: readonly EncodedJwsSignature[]): Uint8Array {
  const members = signatures.map(({ protectedHeader, signature }) => ({
    protected: protectedHeader,
    signature: toBase64url(signature),
  }));
  const [only, ...more] = members;
  const message = more.length === 0 ? { payload, ...only } : { payload, signatures: members };
  return encodeUtf8(JSON.stringify(message));
}

/**
 * A JWS in JSON serialization, flattened or general (RFC 7515, section 7.2). Everything that matters
 * must be in the protected headers. @throws {DecodeError}
 */
export function decodeJws(bytes: Uint8Array): SignedMessage {
  const message = requireObject(parseJson(bytes), 'JWS', MESSAGE_MEMBERS);
  const payloadText = requireText(message, 'payload');
  const payload = fromBase64url(payloadText, 'payload');
  const { signatures: list, signature, protected: header } = message;
  if (list === undefined) {
    return { serialization: 'json', payload, signatures: [decodeSignature(message, payloadText)] };
  }
  if (signature !== undefined || header !== undefined) {
    throw refuse('ERR_DECODE_FORMAT', 'both flattened and general serialization', 'signatures');
  }
  if (!isArray(list)) throw refuse('ERR_DECODE_TYPE', 'expected an array', 'signatures');
  if (list.length > MAX_SIGNATURES) {
    throw refuse('ERR_DECODE_LIMIT', `${list.length} of at most ${MAX_SIGNATURES}`, 'signatures');
  }
  const signatures = list.map((entry) =>
    decodeSignature(requireObject(entry, 'signatures', MESSAGE_MEMBERS), payloadText),
  );
  return { serialization: 'json', payload, signatures };
}

function decodeSignature(entry: JsonObject, payloadText: string): MessageSignature {
  const { header: unprotectedHeader } = entry;
  if (unprotectedHeader !== undefined) {
    throw refuse('ERR_DECODE_VALUE', 'unprotected headers are not accepted', 'header');
  }
  const protectedText = requireText(entry, 'protected');
  const header = requireObject(
    parseJson(fromBase64url(protectedText, 'protected')),
    'protected',
    PARAMETERS,
  );
  for (const parameter of REFUSED_PARAMETERS) {
    if (header[parameter] !== undefined) {
      throw refuse('ERR_DECODE_VALUE', 'this header parameter is not accepted', parameter);
    }
  }
  const algorithmName = requireText(header, 'alg');
  const { x5c } = header;
  return {
    algorithmName,
    algorithm: JWS_ALGORITHMS.get(algorithmName),
    certificates: decodeX5c(x5c),
    signature: fromBase64url(requireText(entry, 'signature'), 'signature'),
    signedBytes: () => jwsSignedBytes(protectedText, payloadText),
  };
}

function decodeX5c(x5c: JsonValue | undefined): MessageSignature['certificates'] {
  if (x5c === undefined) {
    return { code: ErrorCode.VerifyCertChain, details: 'there is no header parameter x5c' };
  }
  if (!isArray(x5c)) throw refuse('ERR_DECODE_TYPE', 'expected an array', 'x5c');
  if (x5c.length > MAX_CERTIFICATES) {
    throw refuse('ERR_DECODE_LIMIT', `${x5c.length} of at most ${MAX_CERTIFICATES}`, 'x5c');
  }
  const [leaf, ...others] = x5c.map((entry) => {
    if (typeof entry !== 'string') throw refuse('ERR_DECODE_TYPE', 'expected text', 'x5c');
    return parseCertificate(fromBase64(entry, 'x5c'));
  });
  if (leaf === undefined) throw refuse('ERR_DECODE_VALUE', 'expected a certificate', 'x5c');
  return [leaf, ...others];
}

function requireText(object: JsonObject, name: string): string {
  const value = object[name];
  if (value === undefined) throw refuse('ERR_DECODE_MISSING', 'expected text', name);
  if (typeof value !== 'string') throw refuse('ERR_DECODE_TYPE', 'expected text', name);
  return value;
}

// Some readers do not tell "alg" from "Alg": a message that has both reads as two.
function requireObject(value: JsonValue, name: string, members: readonly string[]): JsonObject {
  if (value === null || typeof value !== 'object' || isArray(value)) {
    throw refuse('ERR_DECODE_TYPE', 'expected an object', name);
  }
  for (const key of Object.keys(value)) {
    if (!members.includes(key) && members.includes(key.toLowerCase())) {
      throw refuse('ERR_DECODE_VALUE', 'a known member in another spelling', name);
    }
  }
  return value;
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function refuse(code: DecodeErrorCode, message: string, name: string): DecodeError {
  return new DecodeError(code, message, { path: ['JWS', name], offset: 0 });
}
