import { createHash, randomBytes } from 'node:crypto';
import type { Signer, WaitOptions } from '@cmc/attestationreport';
import {
  type Certificate,
  DerReader,
  ExtensionOid,
  type KeyUsage,
  parseCertificate,
  Tag,
} from '@cmc/attestationreport/x509';
import { encodeUtf8, equalBytes, toHex } from '@cmc/bytes';
import {
  contextTag,
  der,
  derBitString,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
  derTime,
  derTrue,
  derUnsigned,
} from './der-writer.ts';
import { EstError } from './errors.ts';
import { signatureIdentifier, signTbs } from './sign-tbs.ts';
import { alternativeNames, type CsrSubject, encodeSubject } from './subject.ts';

/** Extended key usages that are issued: RFC 5280, section 4.2.1.12, and TCG EK profile 2.3. */
export const KeyPurpose = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  attestationKey: '2.23.133.8.3',
} as const;

/** What is certified. */
export interface CertificateProfile {
  /** A name, or the DER of one. */
  readonly subject: CsrSubject | Uint8Array;
  /** SubjectPublicKeyInfo, DER, of a key whose owner was checked. */
  readonly publicKey: Uint8Array;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** OIDs, see {@link KeyPurpose}. None means any purpose, and is for authorities. */
  readonly purposes?: readonly string[];
  /** A certificate of an authority, with at most so many below it. */
  readonly ca?: { readonly pathLength: number };
  readonly lifetimeMs: number;
  /** Clocks of peers may be behind by this much. Default 5 minutes. */
  readonly backdateMs?: number;
  /** Where the list of revoked certificates is. */
  readonly crlUrl?: string;
}

export interface IssueCertificateOptions extends WaitOptions {
  /** Key of the authority with its certificate chain, its own certificate first. */
  readonly issuer: Signer;
  readonly now: Date;
}

/** A certificate that was made, and what its records need. */
export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** Lower-case hex, 32 digits. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

interface Authority {
  /** Name, DER. */
  readonly name: Uint8Array;
  readonly keyId: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export const DEFAULT_BACKDATE_MS: number = 5 * 60_000;
const OID_RSA = '1.2.840.113549.1.1.1';
const SERIAL_BYTES = 16;
const VERSION_3 = 2;
const MAX_PATH_LENGTH = 127;

/**
 * A certificate under that of `issuer`. It never outlives its issuer.
 * @throws {EstError} ERR_EST_CA the authority must not issue now. @throws {TypeError} a profile that
 *   no certificate can have
 */
export async function issueCertificate(
  profile: CertificateProfile,
  options: IssueCertificateOptions,
): Promise<IssuedCertificate> {
  const certificate = readAuthority(options.issuer, options.now);
  return await build(profile, options, {
    name: certificate.subjectName.raw,
    keyId: keyIdOf(certificate),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  });
}

/** A certificate that `issuer` signs for its own key: the root of an authority. */
export async function issueRoot(
  profile: Omit<CertificateProfile, 'publicKey'> & { readonly ca: { readonly pathLength: number } },
  options: IssueCertificateOptions,
): Promise<IssuedCertificate> {
  const { issuer, now } = options;
  return await build({ ...profile, publicKey: issuer.publicKey }, options, {
    name: subjectName(profile.subject),
    keyId: keyId(readPublicKey(issuer.publicKey).bits),
    notBefore: new Date(0),
    notAfter: new Date(now.getTime() + profile.lifetimeMs),
  });
}

/** The certificate of an authority, when it may issue now. @throws {EstError} ERR_EST_CA */
export function readAuthority(
  issuer: Signer,
  now: Date,
  usage: KeyUsage = 'certSign',
): Certificate {
  const [raw] = issuer.certificateChain;
  if (raw === undefined) throw unusable('it has no certificate');
  const certificate = parseCertificate(raw);
  if (!equalBytes(certificate.spki, issuer.publicKey)) {
    throw unusable('its certificate is for another key');
  }
  const { notBefore, notAfter, basicConstraints, keyUsage = [usage] } = certificate;
  if (basicConstraints?.isCa !== true || !keyUsage.includes(usage)) {
    throw unusable(`its certificate is not one of an authority with the key usage ${usage}`);
  }
  if (now < notBefore || now > notAfter) {
    const validity = `${notBefore.toISOString()} to ${notAfter.toISOString()}`;
    throw unusable(
      `its certificate is valid from ${validity}, the clock says ${now.toISOString()}`,
    );
  }
  return certificate;
}

/** The identifier of an authority's key. */
export function keyIdOf(authority: Certificate): Uint8Array {
  // The one that it says it has need not be computed as ours is.
  return authority.subjectKeyId ?? keyId(readPublicKey(authority.spki).bits);
}

async function build(
  profile: CertificateProfile,
  { issuer, now, signal }: IssueCertificateOptions,
  authority: Authority,
): Promise<IssuedCertificate> {
  const { lifetimeMs, backdateMs = DEFAULT_BACKDATE_MS } = profile;
  const notBefore = whole(Math.max(now.getTime() - backdateMs, authority.notBefore.getTime()));
  const notAfter = whole(Math.min(now.getTime() + lifetimeMs, authority.notAfter.getTime()));
  const serial = serialNumber();
  const tbs = derSequence(
    der(contextTag(0), derSmallInteger(VERSION_3)),
    derUnsigned(serial),
    signatureIdentifier(issuer),
    authority.name,
    derSequence(derTime(notBefore), derTime(notAfter)),
    subjectName(profile.subject),
    profile.publicKey,
    der(contextTag(3), derSequence(...extensionsOf(profile, authority))),
  );
  const { identifier, signature } = await signTbs(
    tbs,
    issuer,
    signal === undefined ? {} : { signal },
  );
  const certificate = derSequence(tbs, identifier, derBitString(signature));
  return { certificate, serial: toHex(serial), notBefore, notAfter };
}

function extensionsOf(profile: CertificateProfile, authority: Authority): Uint8Array[] {
  const { ca, purposes = [], crlUrl, dnsNames = [], ipAddresses = [] } = profile;
  const { algorithm, bits } = readPublicKey(profile.publicKey);
  return [
    extension(ExtensionOid.basicConstraints, basicConstraints(ca?.pathLength), true),
    extension(ExtensionOid.keyUsage, keyUsage(ca !== undefined, algorithm, purposes), true),
    ...(purposes.length === 0
      ? []
      : [extension(ExtensionOid.extendedKeyUsage, derSequence(...purposes.map(derOid)))]),
    extension(ExtensionOid.subjectKeyId, derOctetString(keyId(bits))),
    extension(ExtensionOid.authorityKeyId, derSequence(der(0x80, authority.keyId))),
    ...alternativeNames(dnsNames, ipAddresses),
    ...(crlUrl === undefined ? [] : [extension(OID_CRL_POINTS, distributionPoints(crlUrl))]),
  ];
}

const OID_CRL_POINTS = '2.5.29.31';

/** One point with a full name that is a URI: RFC 5280, section 4.2.1.13. */
function distributionPoints(url: string): Uint8Array {
  const fullName = der(contextTag(0), der(0x86, encodeUtf8(new URL(url).href)));
  return derSequence(derSequence(der(contextTag(0), fullName)));
}

function basicConstraints(pathLength: number | undefined): Uint8Array {
  if (pathLength === undefined) return derSequence();
  if (!Number.isInteger(pathLength) || pathLength < 0 || pathLength > MAX_PATH_LENGTH) {
    throw new RangeError(`pathLength: expected 0 to ${MAX_PATH_LENGTH}, got ${pathLength}`);
  }
  return derSequence(derTrue(), derSmallInteger(pathLength));
}

/** RFC 5280, section 4.2.1.3: the bits of KeyUsage, first bit first, as DER has them. */
function keyUsage(isCa: boolean, algorithm: string, purposes: readonly string[]): Uint8Array {
  // digitalSignature, keyCertSign, cRLSign
  if (isCa) return derBitString(Uint8Array.of(0x86), 1);
  const isTls =
    purposes.includes(KeyPurpose.serverAuth) || purposes.includes(KeyPurpose.clientAuth);
  // RFC 8813, section 3: a key for ECDSA cannot encipher keys.
  return isTls && algorithm === OID_RSA
    ? derBitString(Uint8Array.of(0xa0), 5)
    : derBitString(Uint8Array.of(0x80), 7);
}

function subjectName(subject: CsrSubject | Uint8Array): Uint8Array {
  return subject instanceof Uint8Array ? subject : encodeSubject(subject);
}

function readPublicKey(spki: Uint8Array): {
  readonly algorithm: string;
  readonly bits: Uint8Array;
} {
  const reader = new DerReader(spki, 'SubjectPublicKeyInfo').enter(Tag.Sequence, 'sequence');
  const algorithm = reader.enter(Tag.Sequence, 'algorithm').oid('algorithm');
  return { algorithm, bits: reader.bitString('subjectPublicKey') };
}

function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  return derSequence(derOid(id), ...(critical ? [derTrue()] : []), derOctetString(value));
}

/** RFC 5280, section 4.2.1.2, method (1): SHA-1 over the bits of the key. */
function keyId(bits: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(bits).digest());
}

/** 126 random bits below a fixed one: positive, and always 16 octets. */
function serialNumber(): Uint8Array {
  const serial = new Uint8Array(randomBytes(SERIAL_BYTES));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** Certificates have whole seconds. */
function whole(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function unusable(problem: string): EstError {
  return new EstError('ERR_EST_CA', `the certification authority cannot be used: ${problem}`);
}
