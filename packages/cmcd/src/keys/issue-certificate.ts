import { createHash, randomBytes } from 'node:crypto';
import type { Signer, WaitOptions } from '@cmc/attestationreport';
import {
  type Certificate,
  DerReader,
  ExtensionOid,
  parseCertificate,
  Tag,
} from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import * as asn1js from 'asn1js';
import { CmcdError } from '../errors.ts';
import {
  type Asn1Block,
  bitString,
  encodeBlock,
  encodedBlock,
  octetString,
  oid,
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

const OID_SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const OID_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const OID_RSA = '1.2.840.113549.1.1.1';
/** First octet of KeyUsage, RFC 5280, section 4.2.1.3. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_ENCIPHERMENT = 0x20;
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
  const notBefore = Math.max(now.getTime() - BACKDATE_MS, issuer.notBefore.getTime());
  const notAfter = Math.min(now.getTime() + LIFETIME_MS, issuer.notAfter.getTime());
  const body = sequence(
    tagged(0, new asn1js.Integer({ value: VERSION_3 })),
    new asn1js.Integer({ valueHex: serialNumber() }),
    signatureAlgorithm(ca),
    encodedBlock(issuer.subjectName.raw),
    sequence(time(new Date(notBefore)), time(new Date(notAfter))),
    distinguishedName(request.commonName),
    encodedBlock(request.publicKey),
    tagged(3, sequence(...extensionsOf(request, issuer))),
  );
  return signStructure(body, ca, options);
}

/** The certificate of the CA, when it may issue now. */
function readIssuer(ca: Signer, now: Date): Certificate {
  const [der] = ca.certificateChain;
  if (der === undefined) throw unusable('it has no certificate');
  const issuer = parseCertificate(der);
  if (!equalBytes(issuer.spki, ca.publicKey)) throw unusable('its certificate is for another key');
  const { notBefore, notAfter, basicConstraints, keyUsage = ['certSign'] } = issuer;
  if (basicConstraints?.isCa !== true || !keyUsage.includes('certSign')) {
    throw unusable('its certificate is not one of a CA');
  }
  if (now < notBefore || now > notAfter) {
    throw unusable(
      `its certificate is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}, ` +
        `the clock says ${now.toISOString()}`,
    );
  }
  return issuer;
}

function extensionsOf(request: CertificateRequest, issuer: Certificate): Asn1Block[] {
  const { algorithm, bits } = readPublicKey(request.publicKey);
  const isRsa = algorithm === OID_RSA;
  // RFC 8813, section 3: a key for ECDSA cannot encipher keys.
  const usage = DIGITAL_SIGNATURE | (isRsa ? KEY_ENCIPHERMENT : 0);
  // The identifier that the issuer says it has need not be computed as ours is.
  const issuerId = issuer.subjectKeyId ?? keyId(readPublicKey(issuer.spki).bits);
  return [
    extension(ExtensionOid.basicConstraints, sequence(), true),
    extension(ExtensionOid.keyUsage, bitString(Uint8Array.of(usage), isRsa ? 5 : 7), true),
    extension(ExtensionOid.extendedKeyUsage, sequence(oid(OID_SERVER_AUTH), oid(OID_CLIENT_AUTH))),
    extension(ExtensionOid.subjectKeyId, octetString(keyId(bits))),
    extension(ExtensionOid.authorityKeyId, sequence(taggedBytes(0, issuerId))),
    ...subjectAltName(request),
  ];
}

function readPublicKey(spki: Uint8Array): {
  readonly algorithm: string;
  readonly bits: Uint8Array;
} {
  const reader = new DerReader(spki, 'SubjectPublicKeyInfo').enter(Tag.Sequence, 'sequence');
  const algorithm = reader.enter(Tag.Sequence, 'algorithm').oid('algorithm');
  return { algorithm, bits: reader.bitString('subjectPublicKey') };
}

function extension(id: string, value: Asn1Block, critical = false): Asn1Block {
  const flag = critical ? [new asn1js.Boolean({ value: true })] : [];
  return sequence(oid(id), ...flag, octetString(encodeBlock(value)));
}

/** RFC 5280, section 4.2.1.2, method (1): SHA-1 over the bits of the key. */
function keyId(bits: Uint8Array): Uint8Array {
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
