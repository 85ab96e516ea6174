import { decodeUtf8 } from '@cmc/bytes';
import type { Signer, WaitOptions } from '../contract.ts';
import { signedSerialization } from './decode-signed.ts';
import { signPayload } from './sign-payload.ts';

/**
 * An attestation report signed as a whole: a JWS around a JSON report, COSE_Sign around a CBOR one.
 * @throws {RangeError} the report is signed already
 * @throws {CmcError} `ERR_SIGN_*`, see `signPayload`
 */
export async function signReport(
  report: Uint8Array,
  signer: Signer,
  options: WaitOptions = {},
): Promise<Uint8Array> {
  if (isSignedReport(report)) throw new RangeError('report: it is signed already');
  // A report in CBOR is a map, whose first byte never begins a JSON text.
  const serialization = (report[0] ?? 0) < 0x80 ? 'json' : 'cbor';
  return signPayload(report, [signer], serialization, options);
}

/**
 * Whether `bytes` have the form of a report that is signed as a whole. Says nothing about the
 * signature, nor about what is inside.
 */
export function isSignedReport(bytes: Uint8Array): boolean {
  const serialization = signedSerialization(bytes);
  if (serialization !== 'json') return serialization === 'cbor';
  return hasPayloadMember(bytes);
}

function hasPayloadMember(bytes: Uint8Array): boolean {
  try {
    const text = decodeUtf8(bytes);
    // Parsing takes far longer than looking for what no unsigned report has.
    return text.includes('"payload"') && Object.hasOwn(JSON.parse(text), 'payload');
  } catch {
    return false; // not JSON at all, which decoding the report will say in detail
  }
}
