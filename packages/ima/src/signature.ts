import { ByteReader, concatBytes, DecodeError, equalBytes, fromHex, toHex } from '@cmc/bytes';
import { digest, type HashName } from '@cmc/bytes/hash';
import { EcKey, type TableBudget } from './ec-key.ts';
import type { ImaEntry } from './entry.ts';

/** Kinds of signatures that the kernel logs (enum evm_ima_xattr_type). */
const SIGNATURE = 0x03;
const EVM_PORTABLE_SIGNATURE = 0x05;
const VERITY_SIGNATURE = 0x06;
const MAX_SIGNATURE_BYTES = 1024;
/** Longest and shortest RSA modulus, in bits. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MAX_KEYS = 1024;
/** Keys of a ring that get a table, so that they verify faster. */
const MAX_TABLES = 32;

/** Hash algorithms that signatures may use, by the kernel's number. */
const HASHES: ReadonlyMap<number, { readonly kernel: string; readonly name: HashName }> = new Map([
  [4, { kernel: 'sha256', name: 'SHA-256' as const }],
  [5, { kernel: 'sha384', name: 'SHA-384' as const }],
  [6, { kernel: 'sha512', name: 'SHA-512' as const }],
]);
const DIGEST_INFO: Readonly<Record<Exclude<HashName, 'SHA-1'>, string>> = {
  'SHA-256': '3031300d060960864801650304020105000420',
  'SHA-384': '3041300d060960864801650304020205000430',
  'SHA-512': '3051300d060960864801650304020305000440',
};
const RSA = '2a864886f70d010101';
const EC = '2a8648ce3d0201';

type Key =
  | {
      readonly type: 'rsa';
      readonly modulus: bigint;
      readonly exponent: bigint;
      readonly bytes: number;
    }
  | EcKey;

/** Keys that file signatures are trusted under, by key id. */
export interface ImaKeyring {
  readonly keys: ReadonlyMap<string, readonly Key[]>;
}

export type ImaSignatureResult =
  | { readonly ok: true; readonly keyId: string }
  | {
      readonly ok: false;
      /** `metadata`: an EVM signature, over the attributes of the file and not its digest. */
      readonly reason:
        | 'unsigned'
        | 'malformed'
        | 'metadata'
        | 'algorithm'
        | 'unknown-key'
        | 'wrong';
      readonly keyId?: string;
    };

/**
 * A keyring of public keys (DER SubjectPublicKeyInfo). A key id is the last four bytes of the SHA-1
 * digest of the public key bits, as the kernel makes it.
 * @throws {DecodeError} not RSA of 2048 to 8192 bits or a NIST curve or secp256k1
 */
export function createImaKeyring(publicKeys: readonly Uint8Array[]): ImaKeyring {
  if (publicKeys.length > MAX_KEYS) throw new RangeError(`at most ${MAX_KEYS} keys`);
  const keys = new Map<string, Key[]>();
  const budget = { left: MAX_TABLES };
  for (const spki of publicKeys) {
    const { bits, key } = parseKey(spki, budget);
    const id = toHex(digest('SHA-1', bits).subarray(-4));
    keys.set(id, [...(keys.get(id) ?? []), key]);
  }
  return { keys };
}

/** Whether an entry has what may be a signature over the digest of its file, not verified. */
export function hasFileSignature({ fields }: Pick<ImaEntry, 'fields'>): boolean {
  return parseSignature(fields.get('sig') ?? new Uint8Array(0)) !== undefined;
}

/** Whether a key of the ring signed the file digest of an entry (signature version 2 or 3). */
export function verifyImaSignature(
  entry: Pick<ImaEntry, 'digest' | 'fields'>,
  keyring: ImaKeyring,
): ImaSignatureResult {
  const bytes = entry.fields.get('sig') ?? new Uint8Array(0);
  if (bytes.length === 0) return { ok: false, reason: 'unsigned' };
  if (bytes[0] === EVM_PORTABLE_SIGNATURE) return { ok: false, reason: 'metadata' };
  const parsed = parseSignature(bytes);
  if (parsed === undefined) return { ok: false, reason: 'malformed' };
  const { kind, version, hash, keyId, signature } = parsed;
  const algorithm = HASHES.get(hash);
  if (algorithm === undefined || entry.digest.algorithm !== algorithm.kernel) {
    return { ok: false, reason: 'algorithm', keyId };
  }
  const isVerity = kind === VERITY_SIGNATURE;
  if ((entry.digest.type === 'verity') !== isVerity) return { ok: false, reason: 'wrong', keyId };
  const keys = keyring.keys.get(keyId);
  if (keys === undefined) return { ok: false, reason: 'unknown-key', keyId };
  // Version 3 signs what was hashed and how, with the digest (struct ima_file_id).
  const signed =
    version === 3
      ? digest(algorithm.name, concatBytes(Uint8Array.of(kind, hash), entry.digest.value))
      : entry.digest.value;
  const isSigned = keys.some((key) => verifyDigest(key, algorithm.name, signed, signature));
  return isSigned ? { ok: true, keyId } : { ok: false, reason: 'wrong', keyId };
}

interface ParsedSignature {
  readonly kind: number;
  readonly version: number;
  readonly hash: number;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** struct signature_v2_hdr with its type in front; lengths are big-endian everywhere. */
function parseSignature(bytes: Uint8Array): ParsedSignature | undefined {
  try {
    const reader = new ByteReader(bytes, 'imaSignature');
    const [kind, version, hash] = [reader.u8(), reader.u8(), reader.u8()];
    const keyId = toHex(reader.bytes(4));
    const signature = reader.sized16(MAX_SIGNATURE_BYTES);
    reader.end();
    const isKnown =
      (kind === SIGNATURE && (version === 2 || version === 3)) ||
      (kind === VERITY_SIGNATURE && version === 3);
    return isKnown ? { kind, version, hash, keyId, signature } : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function verifyDigest(key: Key, name: HashName, hash: Uint8Array, signature: Uint8Array): boolean {
  return key.type === 'rsa' ? verifyRsa(key, name, hash, signature) : key.verify(hash, signature);
}

/** RSASSA-PKCS1-v1_5 over a digest: the whole encoded message is compared (RFC 8017, 8.2.2). */
function verifyRsa(
  key: Extract<Key, { readonly type: 'rsa' }>,
  name: HashName,
  hash: Uint8Array,
  signature: Uint8Array,
): boolean {
  const value = toBigInt(signature);
  if (name === 'SHA-1' || signature.length !== key.bytes || value >= key.modulus) return false;
  const info = concatBytes(fromHex(DIGEST_INFO[name]), hash);
  const expected = new Uint8Array(key.bytes).fill(0xff);
  expected.set([0x00, 0x01]);
  expected[key.bytes - info.length - 1] = 0x00;
  expected.set(info, key.bytes - info.length);
  const message = power(value, key.exponent, key.modulus).toString(16);
  return equalBytes(fromHex(message.padStart(2 * key.bytes, '0')), expected);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function parseKey(
  spki: Uint8Array,
  budget: TableBudget,
): { readonly bits: Uint8Array; readonly key: Key } {
  const outer = new ByteReader(spki, 'publicKey');
  const sequence = readDer(outer, 0x30);
  outer.end();
  const algorithm = readDer(sequence, 0x30);
  const oid = toHex(readDer(algorithm, 0x06).rest());
  const bitString = readDer(sequence, 0x03);
  sequence.end();
  if (bitString.u8() !== 0) bitString.fail('ERR_DECODE_VALUE', 'unused bits');
  const bits = bitString.rest();
  if (oid === EC) {
    const key = EcKey.create(readDer(algorithm, 0x06).rest(), bits, budget);
    if (key === undefined) return outer.fail('ERR_DECODE_VALUE', 'unknown curve or no point of it');
    return { bits, key };
  }
  if (oid !== RSA) return outer.fail('ERR_DECODE_VALUE', `key algorithm ${oid}`);
  const body = new ByteReader(bits, 'rsaPublicKey');
  const numbers = readDer(body, 0x30);
  body.end();
  const modulus = toBigInt(readDer(numbers, 0x02).rest());
  const exponent = toBigInt(readDer(numbers, 0x02).rest());
  numbers.end();
  const size = modulus.toString(2).length;
  if (size < MIN_RSA_BITS || size > MAX_RSA_BITS || exponent < 3n || exponent > 0xffff_ffffn) {
    numbers.fail('ERR_DECODE_VALUE', `RSA key of ${size} bits`);
  }
  return { bits, key: { type: 'rsa', modulus, exponent, bytes: Math.ceil(size / 8) } };
}

/** Content of the next DER element, which must have `tag`. */
function readDer(reader: ByteReader, tag: number): ByteReader {
  if (reader.u8() !== tag) reader.fail('ERR_DECODE_TYPE', `expected tag 0x${tag.toString(16)}`);
  const first = reader.u8();
  if (first > 0x82) reader.fail('ERR_DECODE_LIMIT', 'element too long');
  const length = first < 0x80 ? first : first === 0x81 ? reader.u8() : reader.u16();
  return new ByteReader(reader.bytes(length), 'der');
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}
