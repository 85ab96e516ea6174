import { ExtensionOid } from '@cmc/attestationreport/x509';
import { encodeUtf8 } from '@cmc/bytes';
import {
  der,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derUtf8String,
} from './der-writer.ts';
import { ipOctets, isDnsName } from './names.ts';

/** Whom a certificate is for. */
export interface CsrSubject {
  readonly commonName: string;
  readonly organizationalUnit?: string;
  readonly organization?: string;
  readonly locality?: string;
  readonly province?: string;
  /** Two letters, ISO 3166. */
  readonly country?: string;
}

/** Attribute types of X.520, most general first, as names are written. */
const NAME_OIDS: readonly (readonly [keyof CsrSubject, string])[] = [
  ['country', '2.5.4.6'],
  ['province', '2.5.4.8'],
  ['locality', '2.5.4.7'],
  ['organization', '2.5.4.10'],
  ['organizationalUnit', '2.5.4.11'],
  ['commonName', '2.5.4.3'],
];
/** RFC 5280, appendix A.1. */
const MAX_NAME_CHARACTERS = 64;
/** Choices of GeneralName, RFC 5280, section 4.2.1.6. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** A distinguished name, DER. @throws {TypeError} a part that no certificate can have */
export function encodeSubject(subject: CsrSubject): Uint8Array {
  const attributes = NAME_OIDS.flatMap(([name, oid]) => {
    const value = subject[name];
    if (value === undefined) return [];
    const isCountry = name === 'country';
    if (isCountry ? !/^[A-Z]{2}$/.test(value) : !isNameText(value)) {
      const expected = isCountry ? 'two capital letters' : `1 to ${MAX_NAME_CHARACTERS} characters`;
      throw new TypeError(`subject.${name}: expected ${expected}, got ${JSON.stringify(value)}`);
    }
    const text = isCountry ? derPrintableString(value) : derUtf8String(value);
    return [derSet(derSequence(derOid(oid), text))];
  });
  return derSequence(...attributes);
}

/**
 * A subjectAltName extension (RFC 5280, section 4.2.1.6), DER; none without names.
 * @throws {TypeError} what is neither a DNS name nor an IP address
 */
export function alternativeNames(
  dnsNames: readonly string[],
  ipAddresses: readonly string[],
): readonly Uint8Array[] {
  const dns = dnsNames.map((name) => {
    if (!isDnsName(name)) {
      throw new TypeError(`dnsNames: expected a DNS name, got ${JSON.stringify(name)}`);
    }
    return der(DNS_NAME, encodeUtf8(name));
  });
  const ips = ipAddresses.map((address) => {
    const octets = ipOctets(address);
    if (octets !== undefined) return der(IP_ADDRESS, octets);
    throw new TypeError(`ipAddresses: expected an IP address, got ${JSON.stringify(address)}`);
  });
  const names = [...dns, ...ips];
  if (names.length === 0) return [];
  const value = derOctetString(derSequence(...names));
  return [derSequence(derOid(ExtensionOid.subjectAlternativeName), value)];
}

function isNameText(value: string): boolean {
  return value !== '' && value.length <= MAX_NAME_CHARACTERS && !/\p{Cc}/u.test(value);
}
