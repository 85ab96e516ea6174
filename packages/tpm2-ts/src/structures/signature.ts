import { ByteReader, ByteWriter } from '@cmc/bytes';
import { type HashName, hashId, TPM_ALG } from '../algorithms.ts';
import { readHash } from './fields.ts';

/** TPMT_SIGNATURE of an asymmetric key (Part 2, section 11.3.4). */
export type TpmtSignature =
  | {
      readonly scheme: 'RSASSA' | 'RSAPSS';
      readonly hash: HashName;
      readonly signature: Uint8Array;
    }
  | {
      readonly scheme: 'ECDSA';
      readonly hash: HashName;
      /** Big-endian; TPMs may leave leading zeros away. */
      readonly r: Uint8Array;
      readonly s: Uint8Array;
    };

const MAX_RSA_BYTES = 1024;
const MAX_COORDINATE_BYTES = 66;

/** The next TPMT_SIGNATURE. @throws {DecodeError} ERR_DECODE_TYPE for another scheme */
export function readTpmtSignature(reader: ByteReader): TpmtSignature {
  const id = reader.field('sigAlg', (field) => field.u16());
  switch (id) {
    case TPM_ALG.RSASSA:
    case TPM_ALG.RSAPSS: {
      const hash = reader.field('hash', readHash);
      const signature = reader.field('sig', (field) => field.sized16(MAX_RSA_BYTES));
      return { scheme: id === TPM_ALG.RSASSA ? 'RSASSA' : 'RSAPSS', hash, signature };
    }
    case TPM_ALG.ECDSA: {
      const hash = reader.field('hash', readHash);
      const r = reader.field('signatureR', (field) => field.sized16(MAX_COORDINATE_BYTES));
      const s = reader.field('signatureS', (field) => field.sized16(MAX_COORDINATE_BYTES));
      return { scheme: 'ECDSA', hash, r, s };
    }
    default:
      return reader.fail('ERR_DECODE_TYPE', `signature scheme 0x${id.toString(16)}`);
  }
}

/** TPMT_SIGNATURE of bytes. @throws {DecodeError} */
export function decodeTpmtSignature(bytes: Uint8Array): TpmtSignature {
  const reader = new ByteReader(bytes, 'TPMT_SIGNATURE');
  const value = readTpmtSignature(reader);
  reader.end();
  return value;
}

/** Bytes of a TPMT_SIGNATURE. */
export function encodeTpmtSignature(signature: TpmtSignature): Uint8Array {
  const writer = new ByteWriter().u16(TPM_ALG[signature.scheme]).u16(hashId(signature.hash));
  return signature.scheme === 'ECDSA'
    ? writer.sized16(signature.r).sized16(signature.s).finish()
    : writer.sized16(signature.signature).finish();
}
