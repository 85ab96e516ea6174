import type { Signer, WaitOptions } from '@cmc/attestationreport';
import {
  DerReader,
  decodeKnownExtensions,
  ExtensionOid,
  readExtensions,
  readName,
  readSignatureAlgorithm,
  type Signed,
  signatureProblem,
  Tag,
} from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import * as asn1js from 'asn1js';
import { CmcdError } from '../errors.ts';
import { encodedBlock, oid, sequence, set, tagged } from './asn1.ts';
import { ipText } from './names.ts';
import { distinguishedName, OID_COMMON_NAME, type Subject, subjectAltName } from './subject.ts';
import { signStructure } from './x509-signature.ts';

/** PKCS #9 extensionRequest, RFC 2985, section 5.4.2. */
const OID_EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const VERSION_1 = 0;
const ATTRIBUTES = 0xa0;
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
    new asn1js.Integer({ value: VERSION_1 }),
    distinguishedName(subject.commonName),
    encodedBlock(signer.publicKey),
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
 * and extensions other than subjectAltName, are refused; of that, DNS names and IP addresses count.
 *
 * @throws {CmcdError} ERR_ENROLL_REQUEST
 */
export async function parseCertificateRequest(der: Uint8Array): Promise<CertificateRequest> {
  if (der.length > MAX_REQUEST_BYTES) {
    throw refused(`expected at most ${MAX_REQUEST_BYTES} bytes, got ${der.length}`);
  }
  try {
    const { request, signed } = readRequest(der);
    const problem = await signatureProblem(signed, { spki: request.publicKey, subject: 'the key' });
    if (problem !== undefined) throw refused(problem);
    return request;
  } catch (cause) {
    if (cause instanceof DecodeError) throw refused('not a PKCS #10 request', { cause });
    throw cause;
  }
}

function readRequest(der: Uint8Array): {
  readonly request: CertificateRequest;
  readonly signed: Signed;
} {
  const outer = new DerReader(new Uint8Array(der), 'CertificationRequest');
  const reader = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const { raw: tbs, contents: info } = reader.open(Tag.Sequence, 'certificationRequestInfo');
  const algorithm = reader.enter(Tag.Sequence, 'signatureAlgorithm');
  const signatureAlgorithm = readSignatureAlgorithm(algorithm);
  const signature = reader.bitString('signature');
  reader.end();

  info.smallInteger('version', VERSION_1);
  const commonName = readCommonName(info);
  const publicKey = info.element(Tag.Sequence, 'subjectPublicKeyInfo');
  const attributes = info.enter(ATTRIBUTES, 'attributes');
  info.end();
  return {
    request: { publicKey, commonName, ...readAlternativeNames(attributes) },
    signed: { tbs, signature, signatureAlgorithm },
  };
}

function readCommonName(info: DerReader): string {
  const { attributes } = readName(info, 'subject');
  const [first] = attributes;
  if (attributes.length === 1 && first?.oid === OID_COMMON_NAME) return first.value;
  throw refused('the subject has to be one common name');
}

function readAlternativeNames(attributes: DerReader): Omit<Subject, 'commonName'> {
  if (attributes.done) return { dnsNames: [], ipAddresses: [] };
  const attribute = attributes.enter(Tag.Sequence, 'attribute');
  attributes.end();
  const type = attribute.oid('type');
  if (type !== OID_EXTENSION_REQUEST) throw refused(`attribute ${type} is not supported`);
  const extensions = readExtensions(attribute.enter(Tag.Set, 'values'));
  attribute.end();
  const other = extensions.find((each) => each.oid !== ExtensionOid.subjectAlternativeName);
  if (other !== undefined) throw refused(`extension ${other.oid} cannot be requested`);
  const { dnsNames = [], ipAddresses = [] } =
    decodeKnownExtensions(extensions).subjectAlternativeName ?? {};
  return { dnsNames, ipAddresses: ipAddresses.map((octets) => ipText(octets) ?? '') };
}

function refused(problem: string, options?: ErrorOptions): CmcdError {
  return new CmcdError('ERR_ENROLL_REQUEST', `certificate request: ${problem}`, options);
}
