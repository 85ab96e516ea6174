import {
  type Certificate,
  DerReader,
  MAX_CERTIFICATE_BYTES,
  parseCertificate,
  Tag,
} from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import { contextTag, der, derOid, derSequence, derSet, derSmallInteger } from './der-writer.ts';

/** Most certificates in one message. */
export const MAX_CERTIFICATES = 32;

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const DATA = '1.2.840.113549.1.7.1';
const VERSION = 1;
const MAX_VERSION = 5;

/**
 * A certs-only message (RFC 7030, section 4.1.3; RFC 5652, section 5): signed data without content
 * and signers, DER. The certificates keep their order. As in other implementations there is a list
 * of revocations, which is empty.
 */
export function encodeCertsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const signedData = derSequence(
    derSmallInteger(VERSION),
    derSet(),
    derSequence(derOid(DATA)),
    der(contextTag(0), ...certificates),
    der(contextTag(1)),
    derSet(),
  );
  return derSequence(derOid(SIGNED_DATA), der(contextTag(0), signedData));
}

/**
 * The certificates of a certs-only message, in its order; unverified. Revocation lists in it are
 * skipped. @throws {DecodeError} also when there are signers, content or no certificates
 */
export function decodeCertsOnly(bytes: Uint8Array): Certificate[] {
  const maxBytes = (MAX_CERTIFICATES + 1) * MAX_CERTIFICATE_BYTES;
  if (bytes.length > maxBytes) {
    const at = { path: ['PKCS7'], offset: 0 };
    throw new DecodeError('ERR_DECODE_LIMIT', `${bytes.length} bytes, at most ${maxBytes}`, at);
  }
  const outer = new DerReader(bytes, 'PKCS7');
  const contentInfo = outer.enter(Tag.Sequence, 'contentInfo');
  outer.end();
  expectOid(contentInfo, 'contentType', SIGNED_DATA);
  const explicit = contentInfo.enter(contextTag(0), 'content');
  contentInfo.end();
  const signedData = explicit.enter(Tag.Sequence, 'signedData');
  explicit.end();
  signedData.smallInteger('version', MAX_VERSION);
  signedData.enter(Tag.Set, 'digestAlgorithms').end();
  const encapsulated = signedData.enter(Tag.Sequence, 'encapContentInfo');
  expectOid(encapsulated, 'eContentType', DATA);
  encapsulated.end();
  const certificates = readCertificates(signedData.enter(contextTag(0), 'certificates'));
  signedData.enterOptional(contextTag(1), 'crls');
  signedData.enter(Tag.Set, 'signerInfos').end();
  signedData.end();
  return certificates;
}

function readCertificates(reader: DerReader): Certificate[] {
  const certificates: Certificate[] = [];
  do {
    if (certificates.length === MAX_CERTIFICATES) {
      reader.fail('ERR_DECODE_LIMIT', `more than ${MAX_CERTIFICATES} certificates`);
    }
    certificates.push(parseCertificate(reader.element(Tag.Sequence, 'certificate')));
  } while (!reader.done);
  return certificates;
}

function expectOid(reader: DerReader, name: string, expected: string): void {
  const oid = reader.oid(name);
  if (oid !== expected)
    reader.fail('ERR_DECODE_VALUE', `${name}: expected ${expected}, got ${oid}`);
}
