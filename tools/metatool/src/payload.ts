import type { Metadata } from '@cmc/attestationreport';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { UsageError } from '@cmc/host';

/** Whether the bytes are a JWS or COSE message around something. */
export function isSigned(bytes: Uint8Array): boolean {
  try {
    extractPayload(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Metadata in `bytes`, signed or not; nothing is verified. @throws {UsageError} */
export function unverifiedMetadata(bytes: Uint8Array, name: string): Metadata {
  const payload = isSigned(bytes) ? extractPayload(bytes).payload : bytes;
  try {
    return decodeStruct(metadataSchema, payload).value;
  } catch (error) {
    throw new UsageError(`${name}: expected metadata, signed or not`, { cause: error });
  }
}
