import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '@cmc/attestationreport/x509';
import { decodeUtf8 } from '@cmc/bytes';

const DER_SEQUENCE = 0x30;

/** The certificates of a file: one in DER, or any number in PEM. @throws {DecodeError} */
export function parseCertificates(bytes: Uint8Array): readonly Certificate[] {
  return bytes[0] === DER_SEQUENCE
    ? [parseCertificate(bytes)]
    : parsePemCertificates(decodeUtf8(bytes));
}
