import { verify } from 'node:crypto';
import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import * as asn1js from 'asn1js';
import { CmcdError } from '../errors.ts';
import {
  type Asn1Block,
  bytesOf,
  encodeBlock,
  members,
  oid,
  oidOf,
  parseBlock,
  sequence,
  set,
  tagged,
} from './asn1.ts';
import {
  distinguishedName,
  OID_COMMON_NAME,
  OID_SUBJECT_ALT_NAME,
  parseAlternativeNames,
  type Subject,
  subjectAltName,
} from './subject.ts';
import { signatureHash, signStructure } from './x509-signature.ts';

/** PKCS #9 extensionRequest, RFC 2985, section 5.4.2. */
const OID_EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
/** Longest request that is looked at, bytes. */
export const MAX_REQUEST_BYTES: number = 64 * 1024;

/**
 * A PKCS #10 certificate request (RFC 2986), DER, for the key of `signer`.
 * @throws {CmcdError} ERR_ENROLL_NAME a name that cannot stand in a certificate
 */
export async function createCertificateRequest(
  signer: Signer,
  subject: Subject,
  options: WaitOptions = {},
): Promise<Uint8Array> {
  const extensions = subjectAltName(subject);
  const attributes =
    extensions.length === 0
      ? []
      : [sequence(oid(OID_EXTENSION_REQUEST), set(sequence(...extensions)))];
  const info = sequence(
    new asn1js.Integer({ value: 0 }),
    distinguishedName(subject.commonName),
    parseBlock(signer.publicKey),
    tagged(0, ...attributes),
  );
  return signStructure(info, signer, options);
}

/** A request whose signature was checked: whoever made it has the private key. */
export interface CertificateRequest extends Subject {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

/**
 * Reads a PKCS #10 request and checks its signature. Subjects with anything but one common name,
 * and extensions other than DNS names and IP addresses, are refused.
 *
 * @throws {CmcdError} ERR_ENROLL_REQUEST
 */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  if (der.length > MAX_REQUEST_BYTES) {
    throw refused(`expected at most ${MAX_REQUEST_BYTES} bytes, got ${der.length}`);
  }
  try {
    return readRequest(der);
  } catch (cause) {
    if (cause instanceof CmcdError) throw cause;
    throw refused('not a PKCS #10 request for a common name, DNS names and IP addresses', {
      cause,
    });
  }
}

function readRequest(der: Uint8Array): CertificateRequest {
  const request = parseBlock(der);
  if (!equalBytes(encodeBlock(request), der)) throw refused('it is not in DER');
  const [info, algorithm, signature] = exactly(3, request);
  const [version, subject, publicKey, attributes] = exactly(4, info);
  if (!(version instanceof asn1js.Integer) || version.valueBlock.valueDec !== 0) {
    throw refused('it is not of version 1');
  }
  const spki = encodeBlock(publicKey as Asn1Block);
  const hash = signatureHash(oidOf(members(algorithm)[0]));
  if (hash === undefined || !isSignedBy(spki, hash, info as Asn1Block, bytesOf(signature))) {
    throw refused('its signature is not by the key in it');
  }
  return { publicKey: spki, commonName: commonNameOf(subject), ...alternativeNamesOf(attributes) };
}

function isSignedBy(
  spki: Uint8Array,
  hash: string,
  info: Asn1Block,
  signature: Uint8Array,
): boolean {
  try {
    const key = { key: Buffer.from(spki), format: 'der', type: 'spki' } as const;
    return verify(hash, encodeBlock(info), key, signature);
  } catch {
    return false;
  }
}

function commonNameOf(subject: Asn1Block | undefined): string {
  const [relative] = exactly(1, subject);
  const [attribute] = exactly(1, relative);
  const [type, value] = exactly(2, attribute);
  if (oidOf(type) !== OID_COMMON_NAME) throw refused('the subject has to be one common name');
  if (value instanceof asn1js.Utf8String || value instanceof asn1js.PrintableString) {
    return value.getValue();
  }
  throw refused('the common name has to be UTF8String or PrintableString');
}

function alternativeNamesOf(attributes: Asn1Block | undefined): Omit<Subject, 'commonName'> {
  const list = members(attributes);
  if (list.length === 0) return { dnsNames: [], ipAddresses: [] };
  const [attribute] = exactly(1, attributes);
  const [type, values] = exactly(2, attribute);
  if (oidOf(type) !== OID_EXTENSION_REQUEST) throw refused(`attribute ${oidOf(type)}`);
  const [extensions] = exactly(1, values);
  const [extension] = exactly(1, extensions);
  const [extensionId, value] = exactly(2, extension);
  if (oidOf(extensionId) !== OID_SUBJECT_ALT_NAME) {
    throw refused(`extension ${oidOf(extensionId)} cannot be requested`);
  }
  return parseAlternativeNames(bytesOf(value));
}

function exactly(count: number, block: Asn1Block | undefined): readonly (Asn1Block | undefined)[] {
  const list = members(block);
  if (list.length === count) return list;
  throw refused(`expected ${count} members, got ${list.length}`);
}

function refused(problem: string, options?: ErrorOptions): CmcdError {
  return new CmcdError('ERR_ENROLL_REQUEST', `certificate request: ${problem}`, options);
}
