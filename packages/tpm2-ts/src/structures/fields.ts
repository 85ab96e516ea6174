import type { ByteReader } from '@cmc/bytes';
import { type HashName, hashName, hashSize, MAX_DIGEST_BYTES, TPM_ALG } from '../algorithms.ts';

/** TPM2B_NAME: algorithm and digest. */
export const MAX_NAME_BYTES: number = 2 + MAX_DIGEST_BYTES;

/** The next TPMI_ALG_HASH. @throws {DecodeError} ERR_DECODE_VALUE for an unknown one */
export function readHash(reader: ByteReader): HashName {
  const id = reader.u16();
  return hashName(id) ?? reader.fail('ERR_DECODE_VALUE', `unknown hash 0x${id.toString(16)}`);
}

/** The next TPMI_ALG_HASH+; `undefined` stands for TPM_ALG_NULL. @throws {DecodeError} */
export function readHashOrNull(reader: ByteReader): HashName | undefined {
  const id = reader.u16();
  if (id === TPM_ALG.NULL) return undefined;
  return hashName(id) ?? reader.fail('ERR_DECODE_VALUE', `unknown hash 0x${id.toString(16)}`);
}

/**
 * The next TPM2B_NAME: empty, a handle, or algorithm and digest of exactly its length.
 * @throws {DecodeError}
 */
export function readName(reader: ByteReader): Uint8Array {
  const name = reader.sized16(MAX_NAME_BYTES);
  if (name.length === 0 || name.length === 4) return name;
  const hash = hashName(((name[0] ?? 0) << 8) | (name[1] ?? 0));
  if (hash === undefined || name.length !== 2 + hashSize(hash)) {
    reader.fail('ERR_DECODE_VALUE', `name of ${name.length} bytes does not fit its algorithm`);
  }
  return name;
}
