import { DecodeError, equalBytes, toHex } from '@cmc/bytes';
import { DerReader, digest, Tag } from '../crypto/index.ts';
import {
  type CertificateExtension,
  decodeKnownExtensions,
  type KnownExtensions,
  readExtensions,
} from './extensions.ts';
import { type DistinguishedName, readName } from './name.ts';
import {
  type CertificateSignatureAlgorithm,
  readSignatureAlgorithm,
} from './signature-algorithm.ts';
import { readTime } from './time.ts';

/** An X.509 certificate. Parsed is not verified: see `verifyChain`. */
export interface Certificate extends KnownExtensions {
  /** The whole certificate, DER. */
  readonly raw: Uint8Array;
  /** The part that is signed, DER. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Big-endian two's complement. */
  readonly serialNumber: Uint8Array;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Text for people, `CN=leaf,O=Example`. */
  readonly issuer: string;
  readonly issuerName: DistinguishedName;
  /** Text for people, `CN=leaf,O=Example`. */
  readonly subject: string;
  readonly subjectName: DistinguishedName;
  readonly notBefore: Date;
  /** The last moment of validity. */
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** OID of the kind of key. */
  readonly publicKeyAlgorithm: string;
  /** In the order encoded; empty before version 3. */
  readonly extensions: readonly CertificateExtension[];
}

/** Longest certificate that is looked at. */
export const MAX_CERTIFICATE_BYTES = 65_536;

/**
 * The certificate in `der`, and nothing behind it. Strict where signatures depend on it: DER,
 * no extension twice, the same algorithm inside and outside of the signed part.
 * @throws {DecodeError}
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) {
    throw new DecodeError(
      'ERR_DECODE_LIMIT',
      `${der.length} bytes, at most ${MAX_CERTIFICATE_BYTES}`,
      { path: ['Certificate'], offset: 0 },
    );
  }
  const raw = new Uint8Array(der);
  const outer = new DerReader(raw, 'Certificate');
  const reader = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const tbs = reader.open(Tag.Sequence, 'tbsCertificate');
  const algorithm = reader.open(Tag.Sequence, 'signatureAlgorithm');
  const signatureAlgorithm = readSignatureAlgorithm(algorithm.contents);
  const signature = reader.bitString('signatureValue');
  reader.end();
  const fields = readTbs(tbs.contents, algorithm.raw);
  return Object.freeze({ raw, tbs: tbs.raw, signatureAlgorithm, signature, ...fields });
}

/** Hex of the SHA-256 digest of a certificate. */
export function fingerprint(certificate: Certificate): string {
  let known = fingerprints.get(certificate);
  if (known === undefined) {
    known = toHex(digest('SHA-256', certificate.raw));
    fingerprints.set(certificate, known);
  }
  return known;
}

const fingerprints = new WeakMap<Certificate, string>();

function readTbs(
  reader: DerReader,
  outerAlgorithm: Uint8Array,
): Omit<Certificate, 'raw' | 'tbs' | 'signatureAlgorithm' | 'signature'> {
  const version = readVersion(reader);
  const serialNumber = reader.integer('serialNumber');
  if (!equalBytes(reader.element(Tag.Sequence, 'signature'), outerAlgorithm)) {
    reader.fail('ERR_DECODE_VALUE', 'signature: another algorithm than in signatureAlgorithm');
  }
  const issuerName = readName(reader, 'issuer');
  const validity = reader.enter(Tag.Sequence, 'validity');
  const notBefore = readTime(validity, 'notBefore');
  const notAfter = readTime(validity, 'notAfter');
  validity.end();
  const subjectName = readName(reader, 'subject');
  const key = reader.open(Tag.Sequence, 'subjectPublicKeyInfo');
  const publicKeyAlgorithm = key.contents.enter(Tag.Sequence, 'algorithm').oid('algorithm');
  key.contents.bitString('subjectPublicKey');
  key.contents.end();
  if (version > 1 && reader.peek() === 0x81) reader.skip('issuerUniqueID');
  if (version > 1 && reader.peek() === 0x82) reader.skip('subjectUniqueID');
  const list = version === 3 ? reader.enterOptional(0xa3, 'extensions') : undefined;
  reader.end();
  const extensions = list === undefined ? [] : readExtensions(list);
  return {
    version,
    serialNumber,
    issuer: issuerName.text,
    issuerName,
    subject: subjectName.text,
    subjectName,
    notBefore,
    notAfter,
    spki: key.raw,
    publicKeyAlgorithm,
    extensions,
    ...decodeKnownExtensions(extensions),
  };
}

function readVersion(reader: DerReader): 1 | 2 | 3 {
  const explicit = reader.enterOptional(0xa0, 'version');
  const number = explicit?.smallInteger('version', 2) ?? 0;
  explicit?.end();
  return (number + 1) as 1 | 2 | 3;
}
