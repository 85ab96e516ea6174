import { concatBytes } from '@cmc/bytes';
import { verifySignature } from '../crypto/index.ts';
import { SNP_SIGNED_BYTES, type SnpReport } from './report.ts';

const FIELD_BYTES = 48;
/** The only signature algorithm: ECDSA with P-384 and SHA-384. */
export const SNP_SIGNATURE_ALGO = 1;

/** Whether the key `spki` (SubjectPublicKeyInfo, DER) signed the report with P-384 and SHA-384. */
export async function verifySnpSignature(report: SnpReport, spki: Uint8Array): Promise<boolean> {
  const r = bigEndian(report.signatureR);
  const s = bigEndian(report.signatureS);
  if (r === undefined || s === undefined) return false;
  const signed = report.raw.subarray(0, SNP_SIGNED_BYTES);
  return await verifySignature(spki, 'ES384', signed, concatBytes(r, s));
}

// A number of the curve; the fields are wider than it.
function bigEndian(field: Uint8Array): Uint8Array | undefined {
  if (field.subarray(FIELD_BYTES).some((byte) => byte !== 0)) return undefined;
  return field.slice(0, FIELD_BYTES).reverse();
}
