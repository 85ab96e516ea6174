import { ByteReader } from '@cmc/bytes';
import { type HashName, MAX_DIGEST_BYTES } from '../algorithms.ts';
import { MAX_NAME_BYTES, readHashOrNull } from './fields.ts';
import { readTpmlPcrSelection, type TpmlPcrSelection } from './pcr-selection.ts';

/** TPMS_CREATION_DATA: the surroundings that an object was created in (Part 2, section 15.1). */
export interface TpmsCreationData {
  readonly pcrSelect: TpmlPcrSelection;
  readonly pcrDigest: Uint8Array;
  readonly locality: number;
  /** `undefined` when the parent is a hierarchy. */
  readonly parentNameAlg: HashName | undefined;
  /** Name of the parent; of a hierarchy, its handle. */
  readonly parentName: Uint8Array;
  readonly parentQualifiedName: Uint8Array;
  readonly outsideInfo: Uint8Array;
}

/** TPM2B_DATA: a TPMT_HA. */
const MAX_DATA_BYTES = 2 + MAX_DIGEST_BYTES;

/** TPMS_CREATION_DATA of bytes (without the size of a TPM2B_CREATION_DATA). @throws {DecodeError} */
export function decodeTpmsCreationData(bytes: Uint8Array): TpmsCreationData {
  const reader = new ByteReader(bytes, 'TPMS_CREATION_DATA');
  const value: TpmsCreationData = {
    pcrSelect: reader.field('pcrSelect', readTpmlPcrSelection),
    pcrDigest: reader.field('pcrDigest', (field) => field.sized16(MAX_DIGEST_BYTES)),
    locality: reader.field('locality', (field) => field.u8()),
    parentNameAlg: reader.field('parentNameAlg', readHashOrNull),
    parentName: reader.field('parentName', (field) => field.sized16(MAX_NAME_BYTES)),
    parentQualifiedName: reader.field('parentQualifiedName', (field) =>
      field.sized16(MAX_NAME_BYTES),
    ),
    outsideInfo: reader.field('outsideInfo', (field) => field.sized16(MAX_DATA_BYTES)),
  };
  reader.end();
  return value;
}
