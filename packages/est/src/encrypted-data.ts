import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DerReader, Tag } from '@cmc/attestationreport/x509';
import { concatBytes, DecodeError } from '@cmc/bytes';
import {
  contextTag,
  der,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
} from './der-writer.ts';
import { EstError } from './errors.ts';

/**
 * How the parameters and the content of the message are written.
 *
 * - `reference`: as the reference writes them, and the only way it reads the parameters: the GCM
 *   parameters wrapped once more, in an element with tag 0x10, and the nonce tagged [4].
 * - `rfc5084`: as RFC 5083 and 5084 say.
 */
export type EncryptedDataSpelling = 'reference' | 'rfc5084';

export interface EncryptOptions {
  /** AES-256 key. */
  readonly key: Uint8Array;
  /** Default `reference`. */
  readonly spelling?: EncryptedDataSpelling;
}

/** Content under AES-256-GCM. */
export interface EncryptedContent {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** Authentication tag, 16 bytes. */
  readonly tag: Uint8Array;
}

/** Longest message that is looked at. */
export const MAX_ENCRYPTED_DATA_BYTES = 131_072;

const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const DATA = '1.2.840.113549.1.7.1';
const AES_256_GCM = '2.16.840.1.101.3.4.1.46';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Tag of a SEQUENCE that says of itself that it is primitive. */
const PRIMITIVE_SEQUENCE = 0x10;
const WRAPPED_NONCE = 0x84;
const IMPLICIT_CONTENT = 0x80;

/** `content` as PKCS #7 EncryptedData (RFC 5652, section 8) under AES-256-GCM, with a new nonce. */
export function encryptData(content: Uint8Array, options: EncryptOptions): Uint8Array {
  const { key, spelling = 'reference' } = options;
  assertKey(key);
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  const sealed = concatBytes(cipher.update(content), cipher.final(), cipher.getAuthTag());
  return encode(nonce, sealed, spelling);
}

/**
 * The content of PKCS #7 EncryptedData in either spelling. @throws {DecodeError}
 * @throws {EstError} ERR_EST_DECRYPT: another key, or the message was changed
 */
export function decryptData(message: Uint8Array, key: Uint8Array): Uint8Array {
  assertKey(key);
  const { nonce, ciphertext, tag } = decodeEncryptedData(message);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(tag);
  try {
    return concatBytes(decipher.update(ciphertext), decipher.final());
  } catch (cause) {
    throw new EstError('ERR_EST_DECRYPT', 'encrypted data: wrong key or changed', { cause });
  }
}

/** The parts of PKCS #7 EncryptedData in either spelling. @throws {DecodeError} */
export function decodeEncryptedData(message: Uint8Array): EncryptedContent {
  if (message.length > MAX_ENCRYPTED_DATA_BYTES) {
    const problem = `${message.length} bytes, at most ${MAX_ENCRYPTED_DATA_BYTES}`;
    throw new DecodeError('ERR_DECODE_LIMIT', problem, { path: ['EncryptedData'], offset: 0 });
  }
  const outer = new DerReader(new Uint8Array(message), 'EncryptedData');
  const contentInfo = outer.enter(Tag.Sequence, 'contentInfo');
  outer.end();
  expectOid(contentInfo, 'contentType', ENCRYPTED_DATA);
  const explicit = contentInfo.enter(contextTag(0), 'content');
  contentInfo.end();
  const encryptedData = explicit.enter(Tag.Sequence, 'encryptedData');
  explicit.end();
  encryptedData.smallInteger('version', 0);
  const info = encryptedData.enter(Tag.Sequence, 'encryptedContentInfo');
  encryptedData.end();
  expectOid(info, 'contentType', DATA);
  const algorithm = info.enter(Tag.Sequence, 'contentEncryptionAlgorithm');
  expectOid(algorithm, 'algorithm', AES_256_GCM);
  const nonce = readNonce(algorithm);
  const sealed = readContent(info);
  info.end();
  const end = sealed.length - TAG_BYTES;
  if (end < 0) info.fail('ERR_DECODE_TRUNCATED', `${sealed.length} bytes, no room for the tag`);
  return { nonce, ciphertext: sealed.subarray(0, end), tag: sealed.subarray(end) };
}

function encode(
  nonce: Uint8Array,
  sealed: Uint8Array,
  spelling: EncryptedDataSpelling,
): Uint8Array {
  const isReference = spelling === 'reference';
  const parameters = isReference
    ? der(PRIMITIVE_SEQUENCE, derSequence(der(WRAPPED_NONCE, nonce), derSmallInteger(TAG_BYTES)))
    : derSequence(derOctetString(nonce), derSmallInteger(TAG_BYTES));
  const content = isReference
    ? der(contextTag(0), derOctetString(sealed))
    : der(IMPLICIT_CONTENT, sealed);
  const info = derSequence(derOid(DATA), derSequence(derOid(AES_256_GCM), parameters), content);
  return derSequence(
    derOid(ENCRYPTED_DATA),
    der(contextTag(0), derSequence(derSmallInteger(0), info)),
  );
}

/** Reads the parameters to their end. */
function readNonce(algorithm: DerReader): Uint8Array {
  const tag = algorithm.peek() === PRIMITIVE_SEQUENCE ? PRIMITIVE_SEQUENCE : Tag.Sequence;
  const parameters = algorithm.enter(tag, 'parameters');
  algorithm.end();
  const wrapped = parameters.enterOptional(Tag.Sequence, 'parameters');
  if (wrapped !== undefined) parameters.end();
  const gcm = wrapped ?? parameters;
  const nonce = gcm.read(wrapped === undefined ? Tag.OctetString : WRAPPED_NONCE, 'nonce');
  if (nonce.length !== NONCE_BYTES) {
    gcm.fail('ERR_DECODE_VALUE', `a nonce of ${nonce.length} bytes, expected ${NONCE_BYTES}`);
  }
  // The standard's default is 12; shorter tags only make forging easier.
  if (gcm.smallInteger('icvLength', TAG_BYTES) !== TAG_BYTES) {
    gcm.fail('ERR_DECODE_VALUE', `expected a tag of ${TAG_BYTES} bytes`);
  }
  gcm.end();
  return nonce;
}

function readContent(info: DerReader): Uint8Array {
  if (info.peek() === IMPLICIT_CONTENT) return info.read(IMPLICIT_CONTENT, 'encryptedContent');
  const constructed = info.enter(contextTag(0), 'encryptedContent');
  const content = constructed.read(Tag.OctetString, 'encryptedContent');
  constructed.end();
  return content;
}

function expectOid(reader: DerReader, name: string, expected: string): void {
  const oid = reader.oid(name);
  if (oid !== expected)
    reader.fail('ERR_DECODE_VALUE', `${name}: expected ${expected}, got ${oid}`);
}

function assertKey(key: Uint8Array): void {
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`key: expected ${KEY_BYTES} bytes, got ${key.length}`);
  }
}
