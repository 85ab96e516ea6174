import { ByteReader } from '@cmc/bytes';
import { MAX_DIGEST_BYTES } from '../algorithms.ts';
import { readName } from './fields.ts';
import { readTpmlPcrSelection, type TpmlPcrSelection } from './pcr-selection.ts';

/** TPMS_CLOCK_INFO (Part 2, section 10.11.1). */
export interface TpmsClockInfo {
  /** Milliseconds that the TPM was powered since its clock was last set. */
  readonly clock: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  /** Whether no value of `clock` above this one was ever reported. */
  readonly safe: boolean;
}

interface AttestCommon {
  /** Qualified name of the key that signs. */
  readonly qualifiedSigner: Uint8Array;
  /** Qualifying data of the caller: the nonce. */
  readonly extraData: Uint8Array;
  readonly clockInfo: TpmsClockInfo;
  readonly firmwareVersion: bigint;
}

/** Attestation of PCR values by TPM2_Quote. */
export interface TpmsQuoteAttest extends AttestCommon {
  readonly type: 'quote';
  readonly pcrSelect: TpmlPcrSelection;
  readonly pcrDigest: Uint8Array;
}

/** Attestation of an object by TPM2_Certify. */
export interface TpmsCertifyAttest extends AttestCommon {
  readonly type: 'certify';
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
}

/** Attestation of the creation of an object by TPM2_CertifyCreation. */
export interface TpmsCreationAttest extends AttestCommon {
  readonly type: 'creation';
  readonly objectName: Uint8Array;
  readonly creationHash: Uint8Array;
}

/** Attestation of the time by TPM2_GetTime. */
export interface TpmsTimeAttest extends AttestCommon {
  readonly type: 'time';
  /** Milliseconds since the TPM was powered on. */
  readonly time: bigint;
  readonly timeClockInfo: TpmsClockInfo;
  readonly timeFirmwareVersion: bigint;
}

/** TPMS_ATTEST (Part 2, section 10.12.12). */
export type TpmsAttest = TpmsQuoteAttest | TpmsCertifyAttest | TpmsCreationAttest | TpmsTimeAttest;

/** TPM_GENERATED_VALUE: no key that is restricted signs data of others that starts with it. */
const TPM_GENERATED = 0xff544347;
const TPM_ST_ATTEST_CERTIFY = 0x8017;
const TPM_ST_ATTEST_QUOTE = 0x8018;
const TPM_ST_ATTEST_TIME = 0x8019;
const TPM_ST_ATTEST_CREATION = 0x801a;
/** TPM2B_DATA: a TPMT_HA. */
const MAX_EXTRA_DATA_BYTES = 2 + MAX_DIGEST_BYTES;

/**
 * TPMS_ATTEST of bytes (without the size of a TPM2B_ATTEST).
 * @throws {DecodeError} ERR_DECODE_TYPE for attestations other than of PCRs, objects, creation, time
 */
export function decodeTpmsAttest(bytes: Uint8Array): TpmsAttest {
  const reader = new ByteReader(bytes, 'TPMS_ATTEST');
  const magic = reader.field('magic', (field) => field.u32());
  if (magic !== TPM_GENERATED) {
    reader.fail('ERR_DECODE_VALUE', `magic 0x${magic.toString(16)}, expected 0xff544347`);
  }
  const tag = reader.field('type', (field) => field.u16());
  const common: AttestCommon = {
    qualifiedSigner: reader.field('qualifiedSigner', readName),
    extraData: reader.field('extraData', (field) => field.sized16(MAX_EXTRA_DATA_BYTES)),
    clockInfo: reader.field('clockInfo', readClockInfo),
    firmwareVersion: reader.field('firmwareVersion', (field) => field.u64()),
  };
  const value = reader.field('attested', () => readAttested(reader, tag, common));
  reader.end();
  return value;
}

/** The next TPMS_CLOCK_INFO. @throws {DecodeError} */
export function readClockInfo(reader: ByteReader): TpmsClockInfo {
  const clock = reader.u64();
  const resetCount = reader.u32();
  const restartCount = reader.u32();
  const safe = reader.u8();
  if (safe > 1) reader.fail('ERR_DECODE_VALUE', `safe is ${safe}, expected 0 or 1`);
  return { clock, resetCount, restartCount, safe: safe === 1 };
}

function readAttested(reader: ByteReader, tag: number, common: AttestCommon): TpmsAttest {
  switch (tag) {
    case TPM_ST_ATTEST_QUOTE: {
      const pcrSelect = reader.field('pcrSelect', readTpmlPcrSelection);
      const pcrDigest = reader.field('pcrDigest', (field) => field.sized16(MAX_DIGEST_BYTES));
      return { type: 'quote', ...common, pcrSelect, pcrDigest };
    }
    case TPM_ST_ATTEST_CERTIFY: {
      const name = reader.field('name', readName);
      return {
        type: 'certify',
        ...common,
        name,
        qualifiedName: reader.field('qualifiedName', readName),
      };
    }
    case TPM_ST_ATTEST_CREATION: {
      const objectName = reader.field('objectName', readName);
      const creationHash = reader.field('creationHash', (field) => field.sized16(MAX_DIGEST_BYTES));
      return { type: 'creation', ...common, objectName, creationHash };
    }
    case TPM_ST_ATTEST_TIME: {
      const time = reader.field('time', (field) => field.u64());
      const timeClockInfo = reader.field('clockInfo', readClockInfo);
      const timeFirmwareVersion = reader.field('firmwareVersion', (field) => field.u64());
      return { type: 'time', ...common, time, timeClockInfo, timeFirmwareVersion };
    }
    default:
      return reader.fail('ERR_DECODE_TYPE', `attestation type 0x${tag.toString(16)}`);
  }
}
