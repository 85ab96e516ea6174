import { isIP } from 'node:net';
import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import { ExtensionOid } from '@cmc/attestationreport/x509';
import { encodeUtf8 } from '@cmc/bytes';
import { AttributeOid } from './certification-request.ts';
import {
  contextTag,
  der,
  derBitString,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derSmallInteger,
  derUtf8String,
} from './der-writer.ts';
import { signTbs } from './sign-tbs.ts';

/** Who a certificate is asked for. */
export interface CsrSubject {
  readonly commonName: string;
  readonly organizationalUnit?: string;
  readonly organization?: string;
  readonly locality?: string;
  readonly province?: string;
  /** Two letters, ISO 3166. */
  readonly country?: string;
}

export interface CreateCsrOptions extends WaitOptions {
  readonly signer: Signer;
  readonly subject: CsrSubject;
  /** Subject alternative names. */
  readonly dnsNames?: readonly string[];
  /** IPv4 and IPv6 addresses as text. */
  readonly ipAddresses?: readonly string[];
  /** Default: the algorithm that the signer prefers. */
  readonly algorithm?: SignatureAlgorithm;
  /** One-time secret that some servers want (RFC 2985, section 5.4.1). */
  readonly challengePassword?: string;
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
const MAX_NAME_CHARACTERS = 64;
const DNS_NAME =
  /^(?=.{1,253}$)(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

/**
 * A PKCS #10 certification request (RFC 2986), DER, signed by `signer` with the key that it asks a
 * certificate for. @throws {TypeError} a name that no certificate can have
 */
export async function createCsr(options: CreateCsrOptions): Promise<Uint8Array> {
  const { signer, subject, algorithm, challengePassword, signal } = options;
  const names = alternativeNames(options.dnsNames ?? [], options.ipAddresses ?? []);
  const attributes = [
    ...(names.length === 0 ? [] : [attribute(AttributeOid.extensionRequest, extensions(names))]),
    ...(challengePassword === undefined
      ? []
      : [attribute(AttributeOid.challengePassword, derUtf8String(challengePassword))]),
  ];
  const tbs = derSequence(
    derSmallInteger(0),
    encodeSubject(subject),
    signer.publicKey,
    der(contextTag(0), ...attributes),
  );
  const { identifier, signature } = await signTbs(tbs, signer, {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(signal === undefined ? {} : { signal }),
  });
  return derSequence(tbs, identifier, derBitString(signature));
}

function encodeSubject(subject: CsrSubject): Uint8Array {
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

function isNameText(value: string): boolean {
  return value !== '' && value.length <= MAX_NAME_CHARACTERS && !/\p{Cc}/u.test(value);
}

function alternativeNames(
  dnsNames: readonly string[],
  ipAddresses: readonly string[],
): Uint8Array[] {
  const dns = dnsNames.map((name) => {
    if (!DNS_NAME.test(name)) {
      throw new TypeError(`dnsNames: expected a DNS name, got ${JSON.stringify(name)}`);
    }
    return der(0x82, encodeUtf8(name));
  });
  return [...dns, ...ipAddresses.map((address) => der(0x87, ipBytes(address)))];
}

function ipBytes(address: string): Uint8Array {
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 4) return Uint8Array.from(address.split('.').map(Number));
  if (family === 0) {
    throw new TypeError(`ipAddresses: expected an IP address, got ${JSON.stringify(address)}`);
  }
  // The URL parser writes IPv6 addresses in hexadecimal only, with at most one gap.
  const { hostname } = new URL(`http://[${address}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from(
    [...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 0xff]),
  );
}

function extensions(names: readonly Uint8Array[]): Uint8Array {
  const value = derOctetString(derSequence(...names));
  return derSequence(derSequence(derOid(ExtensionOid.subjectAlternativeName), value));
}

function attribute(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(derOid(oid), derSet(value));
}
