import { ByteReader, ByteWriter, concatBytes } from '@cmc/bytes';
import {
  type CurveName,
  curveId,
  curveName,
  curveSize,
  digest,
  type HashName,
  hashId,
  hashSize,
  MAX_DIGEST_BYTES,
  TPM_ALG,
} from '../algorithms.ts';
import { readHash } from './fields.ts';

/** Bits of TPMA_OBJECT (Part 2, section 8.3). */
export const TPMA_OBJECT = {
  fixedTPM: 0x0000_0002,
  stClear: 0x0000_0004,
  fixedParent: 0x0000_0010,
  sensitiveDataOrigin: 0x0000_0020,
  userWithAuth: 0x0000_0040,
  adminWithPolicy: 0x0000_0080,
  firmwareLimited: 0x0000_0100,
  svnLimited: 0x0000_0200,
  noDA: 0x0000_0400,
  encryptedDuplication: 0x0000_0800,
  restricted: 0x0001_0000,
  decrypt: 0x0002_0000,
  sign: 0x0004_0000,
  x509sign: 0x0008_0000,
} as const;

/** TPMT_SYM_DEF_OBJECT: what a parent protects its children with. */
export interface TpmtSymDefObject {
  readonly algorithm: 'AES';
  readonly keyBits: 128 | 192 | 256;
  readonly mode: 'CFB';
}

/** TPMT_RSA_SCHEME, TPMT_ECC_SCHEME or TPMT_KEYEDHASH_SCHEME; absent where it is TPM_ALG_NULL. */
export interface TpmtScheme {
  readonly scheme: 'RSASSA' | 'RSAPSS' | 'OAEP' | 'RSAES' | 'ECDSA' | 'ECDH' | 'HMAC';
  /** Absent for RSAES only. */
  readonly hash?: HashName;
}

interface PublicCommon {
  readonly nameAlg: HashName;
  /** Bits of {@link TPMA_OBJECT}. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
}

export interface TpmtRsaPublic extends PublicCommon {
  readonly type: 'RSA';
  readonly symmetric?: TpmtSymDefObject;
  readonly scheme?: TpmtScheme;
  readonly keyBits: number;
  /** 0 stands for 65537. */
  readonly exponent: number;
  /** The modulus; in templates, empty or whatever makes keys differ. */
  readonly unique: Uint8Array;
}

export interface TpmtEccPublic extends PublicCommon {
  readonly type: 'ECC';
  readonly symmetric?: TpmtSymDefObject;
  readonly scheme?: TpmtScheme;
  readonly curve: CurveName;
  readonly unique: { readonly x: Uint8Array; readonly y: Uint8Array };
}

/** An HMAC key, or, without a scheme, sealed data. */
export interface TpmtKeyedHashPublic extends PublicCommon {
  readonly type: 'KEYEDHASH';
  readonly scheme?: TpmtScheme;
  readonly unique: Uint8Array;
}

/** TPMT_PUBLIC (Part 2, section 12.2.4). */
export type TpmtPublic = TpmtRsaPublic | TpmtEccPublic | TpmtKeyedHashPublic;

const KNOWN_ATTRIBUTES = Object.values(TPMA_OBJECT).reduce((all, bit) => all | bit, 0);
const MAX_RSA_BYTES = 1024;

const RSA_SCHEMES = ['RSASSA', 'RSAPSS', 'OAEP', 'RSAES'] as const;
const ECC_SCHEMES = ['ECDSA', 'ECDH'] as const;
const KEYED_HASH_SCHEMES = ['HMAC'] as const;

/**
 * TPMT_PUBLIC of bytes (without the size of a TPM2B_PUBLIC).
 * @throws {DecodeError} also for reserved attributes, and algorithms this library does not know
 */
export function decodeTpmtPublic(bytes: Uint8Array): TpmtPublic {
  const reader = new ByteReader(bytes, 'TPMT_PUBLIC');
  const type = reader.field('type', (field) => field.u16());
  const nameAlg = reader.field('nameAlg', readHash);
  const attributes = reader.field('objectAttributes', (field) => field.u32());
  if ((attributes & ~KNOWN_ATTRIBUTES) !== 0) {
    reader.fail('ERR_DECODE_RESERVED', `attributes 0x${attributes.toString(16)}`);
  }
  const authPolicy = reader.field('authPolicy', (field) => field.sized16(MAX_DIGEST_BYTES));
  if (authPolicy.length !== 0 && authPolicy.length !== hashSize(nameAlg)) {
    reader.fail('ERR_DECODE_VALUE', `authPolicy of ${authPolicy.length} bytes for ${nameAlg}`);
  }
  const value = readByType(reader, type, { nameAlg, attributes, authPolicy });
  reader.end();
  return value;
}

/** Bytes of a TPMT_PUBLIC. */
export function encodeTpmtPublic(value: TpmtPublic): Uint8Array {
  const writer = new ByteWriter()
    .u16(TPM_ALG[value.type])
    .u16(hashId(value.nameAlg))
    .u32(value.attributes)
    .sized16(value.authPolicy);
  switch (value.type) {
    case 'RSA':
      writeSymmetric(writer, value.symmetric);
      writeScheme(writer, value.scheme);
      return writer.u16(value.keyBits).u32(value.exponent).sized16(value.unique).finish();
    case 'ECC':
      writeSymmetric(writer, value.symmetric);
      writeScheme(writer, value.scheme);
      writer.u16(curveId(value.curve)).u16(TPM_ALG.NULL);
      return writer.sized16(value.unique.x).sized16(value.unique.y).finish();
    case 'KEYEDHASH':
      writeScheme(writer, value.scheme);
      return writer.sized16(value.unique).finish();
  }
}

/**
 * Name of an object: algorithm and digest of its public area (Part 1, section 16).
 * @throws {DecodeError} `publicArea` is not a TPMT_PUBLIC
 */
export function objectName(publicArea: Uint8Array): Uint8Array {
  const { nameAlg } = decodeTpmtPublic(publicArea);
  const id = hashId(nameAlg);
  return concatBytes(Uint8Array.of(id >> 8, id & 0xff), digest(nameAlg, publicArea));
}

function readByType(reader: ByteReader, type: number, common: PublicCommon): TpmtPublic {
  switch (type) {
    case TPM_ALG.RSA: {
      const protection = readProtection(reader, RSA_SCHEMES);
      const keyBits = reader.field('keyBits', (field) => field.u16());
      const exponent = reader.field('exponent', (field) => field.u32());
      const unique = reader.field('unique', (field) => field.sized16(MAX_RSA_BYTES));
      return { type: 'RSA', ...common, ...protection, keyBits, exponent, unique };
    }
    case TPM_ALG.ECC: {
      const protection = readProtection(reader, ECC_SCHEMES);
      const id = reader.field('curveID', (field) => field.u16());
      const curve = curveName(id) ?? reader.fail('ERR_DECODE_VALUE', `curve 0x${id.toString(16)}`);
      const kdf = reader.field('kdf', (field) => field.u16());
      if (kdf !== TPM_ALG.NULL) reader.fail('ERR_DECODE_VALUE', `kdf 0x${kdf.toString(16)}`);
      const x = reader.field('unique.x', (field) => field.sized16(curveSize(curve)));
      const y = reader.field('unique.y', (field) => field.sized16(curveSize(curve)));
      return { type: 'ECC', ...common, ...protection, curve, unique: { x, y } };
    }
    case TPM_ALG.KEYEDHASH: {
      const scheme = reader.field('scheme', (field) => readScheme(field, KEYED_HASH_SCHEMES));
      const unique = reader.field('unique', (field) => field.sized16(MAX_DIGEST_BYTES));
      return { type: 'KEYEDHASH', ...common, ...(scheme === undefined ? {} : { scheme }), unique };
    }
    default:
      return reader.fail('ERR_DECODE_TYPE', `object type 0x${type.toString(16)}`);
  }
}

/** Symmetric protection and scheme, which RSA and ECC parameters start with. */
function readProtection(
  reader: ByteReader,
  schemes: readonly TpmtScheme['scheme'][],
): { readonly symmetric?: TpmtSymDefObject; readonly scheme?: TpmtScheme } {
  const symmetric = reader.field('symmetric', readSymmetric);
  const scheme = reader.field('scheme', (field) => readScheme(field, schemes));
  return {
    ...(symmetric === undefined ? {} : { symmetric }),
    ...(scheme === undefined ? {} : { scheme }),
  };
}

function readSymmetric(reader: ByteReader): TpmtSymDefObject | undefined {
  const algorithm = reader.u16();
  if (algorithm === TPM_ALG.NULL) return undefined;
  if (algorithm !== TPM_ALG.AES) {
    reader.fail('ERR_DECODE_VALUE', `symmetric algorithm 0x${algorithm.toString(16)}`);
  }
  const keyBits = reader.u16();
  if (keyBits !== 128 && keyBits !== 192 && keyBits !== 256) {
    return reader.fail('ERR_DECODE_VALUE', `AES with ${keyBits} bits`);
  }
  const mode = reader.u16();
  if (mode !== TPM_ALG.CFB) reader.fail('ERR_DECODE_VALUE', `mode 0x${mode.toString(16)}`);
  return { algorithm: 'AES', keyBits, mode: 'CFB' };
}

function readScheme(
  reader: ByteReader,
  schemes: readonly TpmtScheme['scheme'][],
): TpmtScheme | undefined {
  const id = reader.u16();
  if (id === TPM_ALG.NULL) return undefined;
  const scheme = schemes.find((name) => TPM_ALG[name] === id);
  if (scheme === undefined) return reader.fail('ERR_DECODE_VALUE', `scheme 0x${id.toString(16)}`);
  if (scheme === 'RSAES') return { scheme };
  return { scheme, hash: readHash(reader) };
}

function writeSymmetric(writer: ByteWriter, symmetric: TpmtSymDefObject | undefined): void {
  if (symmetric === undefined) writer.u16(TPM_ALG.NULL);
  else writer.u16(TPM_ALG.AES).u16(symmetric.keyBits).u16(TPM_ALG.CFB);
}

/** Writes a scheme, TPM_ALG_NULL for none; also of commands that choose one. */
export function writeScheme(writer: ByteWriter, scheme: TpmtScheme | undefined): void {
  if (scheme === undefined) {
    writer.u16(TPM_ALG.NULL);
    return;
  }
  writer.u16(TPM_ALG[scheme.scheme]);
  if (scheme.scheme === 'RSAES') return;
  if (scheme.hash === undefined) throw new TypeError(`scheme ${scheme.scheme} needs a hash`);
  writer.u16(hashId(scheme.hash));
}
