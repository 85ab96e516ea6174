import { DecodeError, encodeUtf8, fromBase64, parseJson, toBase64 } from '@cmc/bytes';
import { TpmDriverError } from '../errors.ts';

/** A key that only its TPM can load. */
export interface KeyBlob {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
  /** TPM2B_PRIVATE without its size: encrypted by the storage root key. */
  readonly privateArea: Uint8Array;
  /** TPMS_CREATION_DATA; may be empty. */
  readonly creationData: Uint8Array;
  /** TPMS_ATTEST about the key, by itself or by the attestation key. */
  readonly attestation: Uint8Array;
  /** TPMT_SIGNATURE of it. */
  readonly signature: Uint8Array;
}

/** Longest file of a key, bytes. */
export const MAX_KEY_FILE_BYTES: number = 64 * 1024;

/** Encoding "encrypted by the storage root key", and TPM 2.0. */
const KEY_ENCODING = 2;
const TPM_VERSION = 2;

/** The JSON form in which the Go implementation keeps keys, too. */
export function encodeKeyBlob(blob: KeyBlob): Uint8Array {
  return encodeUtf8(
    JSON.stringify({
      KeyEncoding: KEY_ENCODING,
      TPMVersion: TPM_VERSION,
      Public: toBase64(blob.publicArea),
      CreateData: toBase64(blob.creationData),
      CreateAttestation: toBase64(blob.attestation),
      CreateSignature: toBase64(blob.signature),
      Name: '',
      KeyBlob: toBase64(blob.privateArea),
    }),
  );
}

/** @throws {TpmDriverError} ERR_TPM_DRIVER_KEY */
export function decodeKeyBlob(bytes: Uint8Array): KeyBlob {
  if (bytes.length > MAX_KEY_FILE_BYTES) {
    throw malformed(`${bytes.length} bytes, at most ${MAX_KEY_FILE_BYTES} are accepted`);
  }
  try {
    const json = parseJson(bytes);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw malformed('expected a JSON object');
    }
    const fields = json as Readonly<Record<string, unknown>>;
    const { KeyEncoding: encoding, TPMVersion: version } = fields;
    if (Number(encoding) !== KEY_ENCODING || Number(version) !== TPM_VERSION) {
      throw malformed(`KeyEncoding ${encoding} and TPMVersion ${version}, expected 2 and 2`);
    }
    return {
      publicArea: bytesOf(fields, 'Public', true),
      privateArea: bytesOf(fields, 'KeyBlob', true),
      creationData: bytesOf(fields, 'CreateData'),
      attestation: bytesOf(fields, 'CreateAttestation'),
      signature: bytesOf(fields, 'CreateSignature'),
    };
  } catch (cause) {
    if (cause instanceof DecodeError) throw malformed(cause.message, { cause });
    throw cause;
  }
}

function bytesOf(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  isRequired = false,
): Uint8Array {
  // Go writes null for bytes that are not there.
  const text = fields[name] ?? '';
  if (typeof text !== 'string' || (isRequired && text === '')) {
    throw malformed(`${name}: expected base64`);
  }
  return fromBase64(text);
}

function malformed(problem: string, options?: ErrorOptions): TpmDriverError {
  return new TpmDriverError('ERR_TPM_DRIVER_KEY', `stored TPM key: ${problem}`, options);
}
