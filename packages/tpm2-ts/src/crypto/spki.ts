import { ByteReader, concatBytes, equalBytes, fromHex, toHex } from '@cmc/bytes';
import { type CurveName, curveSize } from '../algorithms.ts';
import type { TpmtEccPublic, TpmtPublic, TpmtRsaPublic } from '../structures/public-area.ts';

/** A public key without anything that says what it may be used for. */
export type PublicKey =
  | { readonly type: 'RSA'; readonly modulus: Uint8Array; readonly exponent: number }
  | {
      readonly type: 'ECC';
      readonly curve: CurveName;
      /** As long as the curve's coordinates. */
      readonly x: Uint8Array;
      readonly y: Uint8Array;
    };

const DEFAULT_EXPONENT = 65537;
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UNCOMPRESSED = 0x04;
/** AlgorithmIdentifiers (RFC 3279, section 2.3), the whole SEQUENCE. */
const RSA_ALGORITHM = fromHex('300d06092a864886f70d0101010500');
/** OBJECT IDENTIFIER id-RSAES-OAEP. */
const OAEP_OID = fromHex('06092a864886f70d010107');
const EC_ALGORITHMS: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': fromHex('301306072a8648ce3d020106082a8648ce3d030107'),
  'P-384': fromHex('301006072a8648ce3d020106052b81040022'),
  'P-521': fromHex('301006072a8648ce3d020106052b81040023'),
};

/** The key in a public area, or `undefined` where it has none (a template, a sealed object). */
export function publicKeyOf(area: TpmtPublic): PublicKey | undefined {
  switch (area.type) {
    case 'RSA':
      return (area.unique[0] ?? 0) >= 0x80 && 8 * area.unique.length === area.keyBits
        ? { type: 'RSA', modulus: area.unique, exponent: area.exponent || DEFAULT_EXPONENT }
        : undefined;
    case 'ECC': {
      const { x, y } = area.unique;
      if (x.length === 0 || y.length === 0) return undefined;
      const size = curveSize(area.curve);
      return { type: 'ECC', curve: area.curve, x: padStart(x, size), y: padStart(y, size) };
    }
    case 'KEYEDHASH':
      return undefined;
  }
}

/** SubjectPublicKeyInfo (DER) of a key. */
export function encodeSpki(key: PublicKey): Uint8Array {
  return encodeInfo(key.type === 'RSA' ? RSA_ALGORITHM : EC_ALGORITHMS[key.curve], key);
}

/**
 * The key in a SubjectPublicKeyInfo: RSA, or an uncompressed point on P-256, P-384 or P-521.
 * Whether the point lies on the curve is found out when the key is used.
 * @throws {DecodeError} anything else, and DER that is not canonical
 */
export function decodeSpki(spki: Uint8Array): PublicKey {
  return decodeInfo(spki, (algorithm) => equalBytes(algorithm, RSA_ALGORITHM));
}

/**
 * As {@link decodeSpki}, for certificates of endorsement keys: early ones of STMicroelectronics say
 * id-RSAES-OAEP with parameters of TPM 1.2, which are not looked at.
 * @throws {DecodeError}
 */
export function decodeEkSpki(spki: Uint8Array): PublicKey {
  const isOaep = (algorithm: Uint8Array): boolean =>
    equalBytes(algorithm.subarray(2, 2 + OAEP_OID.length), OAEP_OID);
  return decodeInfo(spki, (algorithm) => equalBytes(algorithm, RSA_ALGORITHM) || isOaep(algorithm));
}

/** SubjectPublicKeyInfo of the key in a public area. @throws {TypeError} there is none in it */
export function publicAreaToSpki(area: TpmtPublic): Uint8Array {
  const key = publicKeyOf(area);
  if (key === undefined) throw new TypeError(`a public area of type ${area.type} without a key`);
  return encodeSpki(key);
}

/**
 * A public area with the key of a SubjectPublicKeyInfo, and everything else from `template`.
 * @throws {DecodeError} `spki` is malformed @throws {TypeError} the template is of another type
 */
export function spkiToPublicArea(
  spki: Uint8Array,
  template: TpmtRsaPublic | TpmtEccPublic,
): TpmtRsaPublic | TpmtEccPublic {
  return keyToPublicArea(decodeSpki(spki), template);
}

/** As {@link spkiToPublicArea}, of a key. */
export function keyToPublicArea(
  key: PublicKey,
  template: TpmtRsaPublic | TpmtEccPublic,
): TpmtRsaPublic | TpmtEccPublic {
  if (key.type === 'RSA' && template.type === 'RSA') {
    const exponent = key.exponent === DEFAULT_EXPONENT ? 0 : key.exponent;
    return { ...template, keyBits: 8 * key.modulus.length, exponent, unique: key.modulus };
  }
  if (key.type === 'ECC' && template.type === 'ECC') {
    return { ...template, curve: key.curve, unique: { x: key.x, y: key.y } };
  }
  throw new TypeError(`a key of type ${key.type} does not fit a template of type ${template.type}`);
}

/** `bytes` with zeros in front, `size` bytes altogether. */
export function padStart(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length > size) throw new RangeError(`${bytes.length} bytes do not fit into ${size}`);
  const padded = new Uint8Array(size);
  padded.set(bytes, size - bytes.length);
  return padded;
}

function encodeInfo(algorithm: Uint8Array, key: PublicKey): Uint8Array {
  if (key.type === 'ECC') {
    const point = element(BIT_STRING, Uint8Array.of(0, UNCOMPRESSED), key.x, key.y);
    return element(SEQUENCE, algorithm, point);
  }
  const exponent = integer(fromHex(key.exponent.toString(16).padStart(8, '0')));
  const body = element(SEQUENCE, integer(key.modulus), exponent);
  return element(SEQUENCE, algorithm, element(BIT_STRING, Uint8Array.of(0), body));
}

function decodeInfo(spki: Uint8Array, isRsa: (algorithm: Uint8Array) => boolean): PublicKey {
  const outer = new ByteReader(spki, 'SPKI');
  const info = readElement(outer, SEQUENCE);
  outer.end();
  const algorithm = element(SEQUENCE, readElement(info, SEQUENCE).rest());
  const bits = readElement(info, BIT_STRING);
  info.end();
  bits.zeros(1);
  const key = isRsa(algorithm) ? readRsa(bits) : readPoint(bits, toHex(algorithm));
  // One key has one encoding: comparing with it replaces every rule of DER.
  if (!equalBytes(encodeInfo(algorithm, key), spki)) {
    outer.fail('ERR_DECODE_NON_CANONICAL', 'not the DER of this key');
  }
  return key;
}

function readRsa(bits: ByteReader): PublicKey {
  const body = readElement(bits, SEQUENCE);
  bits.end();
  const modulus = stripZeros(readElement(body, INTEGER).rest());
  const digits = stripZeros(readElement(body, INTEGER).rest());
  body.end();
  if (digits.length > 4) body.fail('ERR_DECODE_LIMIT', `exponent of ${digits.length} bytes`);
  const exponent = digits.reduce((value, digit) => value * 256 + digit, 0);
  if (exponent < 3 || exponent % 2 === 0) body.fail('ERR_DECODE_VALUE', `exponent ${exponent}`);
  return { type: 'RSA', modulus, exponent };
}

function readPoint(bits: ByteReader, algorithm: string): PublicKey {
  const curve = (Object.keys(EC_ALGORITHMS) as CurveName[]).find(
    (name) => toHex(EC_ALGORITHMS[name]) === algorithm,
  );
  if (curve === undefined) return bits.fail('ERR_DECODE_VALUE', 'not RSA nor a NIST curve');
  if (bits.u8() !== UNCOMPRESSED) bits.fail('ERR_DECODE_VALUE', 'the point is compressed');
  const [x, y] = [bits.bytes(curveSize(curve)), bits.bytes(curveSize(curve))];
  bits.end();
  return { type: 'ECC', curve, x, y };
}

function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  const { length } = content;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return concatBytes(Uint8Array.from(header), content);
}

function integer(magnitude: Uint8Array): Uint8Array {
  const digits = stripZeros(magnitude);
  const needsZero = (digits[0] ?? 0) >= 0x80;
  return element(INTEGER, needsZero ? Uint8Array.of(0) : new Uint8Array(), digits);
}

function stripZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? new Uint8Array(1) : bytes.slice(first);
}

/** Content of the next DER element, which must have `tag`. */
function readElement(reader: ByteReader, tag: number): ByteReader {
  const found = reader.u8();
  if (found !== tag) reader.fail('ERR_DECODE_TYPE', `tag ${found}, expected ${tag}`);
  const first = reader.u8();
  if (first > 0x82) reader.fail('ERR_DECODE_LIMIT', 'element of more than 64 KB');
  const length = first < 0x80 ? first : first === 0x81 ? reader.u8() : reader.u16();
  return new ByteReader(reader.bytes(length), 'SPKI');
}
