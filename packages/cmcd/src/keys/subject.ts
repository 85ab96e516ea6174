import { encodeUtf8 } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import {
  type Asn1Block,
  encodeBlock,
  octetString,
  oid,
  sequence,
  set,
  taggedBytes,
  utf8String,
} from './asn1.ts';
import { ipOctets, isDnsName, MAX_COMMON_NAME } from './names.ts';

export const OID_COMMON_NAME = '2.5.4.3';
const OID_SUBJECT_ALT_NAME = '2.5.29.17';
/** Choices of GeneralName, RFC 5280, section 4.2.1.6. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

/** Whom a certificate is for. */
export interface Subject {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** A distinguished name with a common name only. @throws {CmcdError} ERR_ENROLL_NAME */
export function distinguishedName(commonName: string): Asn1Block {
  if (commonName.length === 0 || commonName.length > MAX_COMMON_NAME || /\p{C}/u.test(commonName)) {
    throw new CmcdError(
      'ERR_ENROLL_NAME',
      `common name: expected 1 to ${MAX_COMMON_NAME} printable characters`,
    );
  }
  return sequence(set(sequence(oid(OID_COMMON_NAME), utf8String(commonName))));
}

/**
 * A subjectAltName extension (RFC 5280, section 4.2.1.6); none when there are no names.
 * @throws {CmcdError} ERR_ENROLL_NAME
 */
export function subjectAltName(subject: Subject): readonly Asn1Block[] {
  const dns = subject.dnsNames.map((name) => {
    if (!isDnsName(name)) throw notAName('DNS name', name);
    return taggedBytes(DNS_NAME, encodeUtf8(name));
  });
  const ips = subject.ipAddresses.map((address) => {
    const octets = ipOctets(address);
    if (octets === undefined) throw notAName('IP address', address);
    return taggedBytes(IP_ADDRESS, octets);
  });
  const names = [...dns, ...ips];
  if (names.length === 0) return [];
  return [sequence(oid(OID_SUBJECT_ALT_NAME), octetString(encodeBlock(sequence(...names))))];
}

function notAName(kind: string, text: string): CmcdError {
  return new CmcdError('ERR_ENROLL_NAME', `${JSON.stringify(text)} is not a ${kind}`);
}
