import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import type { Signer, WaitOptions } from '@cmc/attestationreport';
import * as asn1js from 'asn1js';
import { CmcdError } from '../errors.ts';
import {
  type Asn1Block,
  bitString,
  bytesOf,
  encodeBlock,
  members,
  octetString,
  oid,
  oidOf,
  parseBlock,
  sequence,
  tagged,
  taggedBytes,
  time,
} from './asn1.ts';
import type { CertificateRequest } from './certificate-request.ts';
import { distinguishedName, subjectAltName } from './subject.ts';
import { signatureAlgorithm, signStructure } from './x509-signature.ts';

/** Clocks of peers may be behind ours by this much. */
const BACKDATE_MS = 5 * 60_000;
const LIFETIME_MS = 180 * 86_400_000;

const OID = Object.freeze({
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  rsaEncryption: '1.2.840.113549.1.1.1',
});
/** First octet of KeyUsage, RFC 5280, section 4.2.1.3. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_ENCIPHERMENT = 0x20;
const KEY_CERT_SIGN = 0x04;
const VERSION_3 = 2;

export interface IssueCertificateOptions extends WaitOptions {
  /** Key of the CA with its certificate chain, the CA's own certificate first. */
  readonly ca: Signer;
  readonly now: Date;
}

/**
 * A TLS certificate (server and client), DER, for a request that was checked. It lives 180 days
 * and never longer than the certificate of the CA.
 *
 * @throws {CmcdError} ERR_ENROLL_CA
 */
export async function issueCertificate(
  request: CertificateRequest,
  options: IssueCertificateOptions,
): Promise<Uint8Array> {
  const { ca, now } = options;
  const issuer = readIssuer(ca, now);
  const notBefore = Math.max(now.getTime() - BACKDATE_MS, issuer.notBefore);
  const notAfter = Math.min(now.getTime() + LIFETIME_MS, issuer.notAfter);
  const body = sequence(
    tagged(0, new asn1js.Integer({ value: VERSION_3 })),
    new asn1js.Integer({ valueHex: serialNumber() }),
    signatureAlgorithm(ca),
    issuer.name,
    sequence(time(new Date(notBefore)), time(new Date(notAfter))),
    distinguishedName(request.commonName),
    parseBlock(request.publicKey),
    tagged(3, sequence(...extensionsOf(request, issuer))),
  );
  return signStructure(body, ca, options);
}

/** What a certificate takes over from that of its issuer. */
interface Issuer {
  readonly name: Asn1Block;
  readonly keyId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

function readIssuer(ca: Signer, now: Date): Issuer {
  const [der] = ca.certificateChain;
  if (der === undefined) throw unusable('it has no certificate');
  const certificate = new X509Certificate(der);
  const publicKey = certificate.publicKey.export({ format: 'der', type: 'spki' });
  if (!publicKey.equals(ca.publicKey)) throw unusable('the key is not that of its certificate');
  const notBefore = Date.parse(certificate.validFrom);
  const notAfter = Date.parse(certificate.validTo);
  if (now.getTime() < notBefore || now.getTime() > notAfter) {
    throw unusable(
      `its certificate is valid from ${certificate.validFrom} to ${certificate.validTo}, ` +
        `the clock says ${now.toISOString()}`,
    );
  }
  const [body] = members(parseBlock(der));
  const extensions = issuerExtensions(body);
  if (!certificate.ca || !mayCertify(extensions.get(OID.keyUsage))) {
    throw unusable('its certificate is not one of a CA');
  }
  const ownId = extensions.get(OID.subjectKeyId);
  return {
    name: subjectOf(body),
    // The identifier that the issuer says it has, which need not be computed as ours is.
    keyId: ownId === undefined ? keyId(ca.publicKey) : bytesOf(parseBlock(ownId)),
    notBefore,
    notAfter,
  };
}

function mayCertify(keyUsage: Uint8Array | undefined): boolean {
  if (keyUsage === undefined) return true;
  const bits = parseBlock(keyUsage);
  return bits instanceof asn1js.BitString && (firstOctet(bits) & KEY_CERT_SIGN) !== 0;
}

function firstOctet(bits: asn1js.BitString): number {
  return bits.valueBlock.valueHexView[0] ?? 0;
}

/** TBSCertificate of version 3: version, serial, algorithm, issuer, validity, subject, key, … */
function subjectOf(body: Asn1Block | undefined): Asn1Block {
  const subject = members(body)[5];
  if (subject === undefined) throw unusable('its certificate has no subject');
  return subject;
}

/** Values of the extensions by their object identifiers. */
function issuerExtensions(body: Asn1Block | undefined): ReadonlyMap<string, Uint8Array> {
  const last = members(body).at(-1);
  const [list] = last?.idBlock.tagNumber === 3 ? members(last) : [];
  return new Map(
    (list === undefined ? [] : members(list)).map((extension) => {
      const parts = members(extension);
      return [oidOf(parts[0]), bytesOf(parts.at(-1))];
    }),
  );
}

function extensionsOf(request: CertificateRequest, issuer: Issuer): Asn1Block[] {
  const isRsa = oidOf(members(members(parseBlock(request.publicKey))[0])[0]) === OID.rsaEncryption;
  // RFC 8813, section 3: a key for ECDSA cannot encipher keys.
  const usage = DIGITAL_SIGNATURE | (isRsa ? KEY_ENCIPHERMENT : 0);
  return [
    extension(OID.basicConstraints, sequence(), true),
    extension(OID.keyUsage, bitString(Uint8Array.of(usage), isRsa ? 5 : 7), true),
    extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
    extension(OID.subjectKeyId, octetString(keyId(request.publicKey))),
    extension(OID.authorityKeyId, sequence(taggedBytes(0, issuer.keyId))),
    ...subjectAltName(request),
  ];
}

function extension(id: string, value: Asn1Block, critical = false): Asn1Block {
  const flag = critical ? [new asn1js.Boolean({ value: true })] : [];
  return sequence(oid(id), ...flag, octetString(encodeBlock(value)));
}

/** RFC 5280, section 4.2.1.2, method (1): SHA-1 over the bits of the key. */
function keyId(publicKey: Uint8Array): Uint8Array {
  const bits = bytesOf(members(parseBlock(publicKey))[1]);
  return new Uint8Array(createHash('sha1').update(bits).digest());
}

/** 126 random bits below a fixed one: positive, and always 16 octets. */
function serialNumber(): ArrayBuffer {
  const serial = new Uint8Array(randomBytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial.buffer;
}

function unusable(problem: string): CmcdError {
  return new CmcdError('ERR_ENROLL_CA', `enrolment CA: ${problem}`);
}
