import {
  type CertificateExtension,
  type CertificateSignatureAlgorithm,
  DerReader,
  type DistinguishedName,
  decodeKnownExtensions,
  type KnownExtensions,
  readExtensions,
  readName,
  readSignatureAlgorithm,
  signatureProblem,
  Tag,
} from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import { contextTag } from './der-writer.ts';

/** An attribute of a certification request, RFC 2986 section 4.1. */
export interface RequestAttribute {
  /** Dotted OID. */
  readonly oid: string;
  /** DER of each value. */
  readonly values: readonly Uint8Array[];
}

/** A PKCS #10 certification request. Parsed is not verified: see {@link verifyCsr}. */
export interface CertificationRequest extends KnownExtensions {
  /** The whole request, DER. */
  readonly raw: Uint8Array;
  /** The part that is signed, DER. */
  readonly tbs: Uint8Array;
  /** Text for people, `CN=leaf,O=Example`. */
  readonly subject: string;
  readonly subjectName: DistinguishedName;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly attributes: readonly RequestAttribute[];
  /** The extensions that are asked for. */
  readonly extensions: readonly CertificateExtension[];
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** Whether a request proves the possession of its key. */
export type CsrVerification =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: string };

/** Longest request that is looked at. */
export const MAX_CSR_BYTES = 65_536;

export const AttributeOid = {
  challengePassword: '1.2.840.113549.1.9.7',
  extensionRequest: '1.2.840.113549.1.9.14',
} as const;

const MAX_ATTRIBUTES = 16;
const MAX_ATTRIBUTE_VALUES = 16;

/** The certification request in `der`, and nothing behind it. @throws {DecodeError} */
export function parseCsr(der: Uint8Array): CertificationRequest {
  if (der.length > MAX_CSR_BYTES) {
    const at = { path: ['CSR'], offset: 0 };
    throw new DecodeError('ERR_DECODE_LIMIT', `${der.length} bytes, at most ${MAX_CSR_BYTES}`, at);
  }
  const raw = new Uint8Array(der);
  const outer = new DerReader(raw, 'CSR');
  const reader = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const info = reader.open(Tag.Sequence, 'certificationRequestInfo');
  const algorithm = reader.enter(Tag.Sequence, 'signatureAlgorithm');
  const signatureAlgorithm = readSignatureAlgorithm(algorithm);
  const signature = reader.bitString('signature');
  reader.end();

  const { contents } = info;
  contents.smallInteger('version', 0);
  const subjectName = readName(contents, 'subject');
  const key = contents.open(Tag.Sequence, 'subjectPKInfo');
  key.contents.skip('algorithm');
  key.contents.bitString('subjectPublicKey');
  key.contents.end();
  const attributes = readAttributes(contents.enter(contextTag(0), 'attributes'));
  contents.end();
  const extensions = requestedExtensions(attributes);
  return Object.freeze({
    raw,
    tbs: info.raw,
    subject: subjectName.text,
    subjectName,
    spki: key.raw,
    attributes,
    extensions,
    signatureAlgorithm,
    signature,
    ...decodeKnownExtensions(extensions),
  });
}

/**
 * Whether the request is signed with its own key (proof of possession), by an algorithm and with a
 * key that certificates may have too. Says nothing about who may have which name.
 */
export async function verifyCsr(csr: CertificationRequest): Promise<CsrVerification> {
  const problem = await signatureProblem(csr, { spki: csr.spki, subject: 'the request' });
  return problem === undefined ? { ok: true } : { ok: false, problem };
}

function readAttributes(reader: DerReader): RequestAttribute[] {
  const attributes: RequestAttribute[] = [];
  while (!reader.done) {
    if (attributes.length === MAX_ATTRIBUTES) {
      reader.fail('ERR_DECODE_LIMIT', `more than ${MAX_ATTRIBUTES} attributes`);
    }
    const attribute = reader.enter(Tag.Sequence, 'attribute');
    const oid = attribute.oid('type');
    if (attributes.some((known) => known.oid === oid)) {
      reader.fail('ERR_DECODE_DUPLICATE', `attribute ${oid} occurs twice`);
    }
    const values = readValues(attribute.enter(Tag.Set, 'values'));
    attribute.end();
    attributes.push({ oid, values });
  }
  return attributes;
}

function readValues(reader: DerReader): Uint8Array[] {
  const values: Uint8Array[] = [];
  while (!reader.done) {
    if (values.length === MAX_ATTRIBUTE_VALUES) {
      reader.fail('ERR_DECODE_LIMIT', `more than ${MAX_ATTRIBUTE_VALUES} values`);
    }
    values.push(reader.element(reader.peek(), 'value'));
  }
  if (values.length === 0) reader.fail('ERR_DECODE_MISSING', 'an attribute without values');
  return values;
}

function requestedExtensions(
  attributes: readonly RequestAttribute[],
): readonly CertificateExtension[] {
  const request = attributes.find(({ oid }) => oid === AttributeOid.extensionRequest);
  if (request === undefined) return [];
  const [value = new Uint8Array(), ...more] = request.values;
  const reader = new DerReader(value, 'extensionRequest');
  if (more.length > 0) reader.fail('ERR_DECODE_VALUE', 'more than one list of extensions');
  return readExtensions(reader);
}
