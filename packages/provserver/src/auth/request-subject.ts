import { createHash, createPublicKey } from 'node:crypto';
import { DecodeError } from '@cmc/bytes';
import {
  type CertificationRequest,
  ipText,
  isDnsName,
  normalName,
  parseCsr,
  verifyCsr,
} from '@cmc/est';
import { HttpError } from '../http/http-error.ts';
import { MAX_COMMON_NAME, MAX_NAMES, MAX_RSA_BITS, MIN_RSA_BITS } from './limits.ts';

/** What a certificate is requested for, in one spelling. */
export interface RequestSubject {
  readonly commonName: string;
  /** Lower case, sorted, each once. */
  readonly dnsNames: readonly string[];
  /** Shortest form, sorted, each once. */
  readonly ipAddresses: readonly string[];
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
}

const OID_COMMON_NAME = '2.5.4.3';
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** A certification request that is signed with its key. @throws {HttpError} 400 */
export async function readRequest(der: Uint8Array): Promise<CertificationRequest> {
  const csr = parsed(der);
  checkKey(csr.spki);
  const verification = await verifyCsr(csr);
  if (!verification.ok) throw bad(verification.problem);
  return csr;
}

/**
 * The names of a request: one common name, and alternative names that are DNS names or IP addresses.
 * Other extensions do not matter, certificates get none of them. @throws {HttpError} 400
 */
export function readSubject(csr: CertificationRequest): RequestSubject {
  const [name, ...more] = csr.subjectName.attributes;
  if (name?.oid !== OID_COMMON_NAME || more.length > 0) {
    throw bad('the subject has to be one common name (CN)');
  }
  const commonName = name.value;
  if (!isCommonName(commonName)) {
    throw bad(`the common name has to be 1 to ${MAX_COMMON_NAME} characters without controls`);
  }
  if (csr.basicConstraints?.isCa === true) throw bad('no certificates for authorities are issued');
  const alternative = csr.subjectAlternativeName;
  const { dnsNames = [], ipAddresses = [], emailAddresses = [], uris = [] } = alternative ?? {};
  if (emailAddresses.length + uris.length > 0) {
    throw bad('alternative names have to be DNS names or IP addresses');
  }
  if (dnsNames.length + ipAddresses.length > MAX_NAMES) {
    throw bad(`at most ${MAX_NAMES} alternative names`);
  }
  if (!dnsNames.every(isDnsName)) throw bad('an alternative name is not a DNS name');
  return {
    commonName,
    dnsNames: sorted(dnsNames.map(normalName)),
    ipAddresses: sorted(ipAddresses.flatMap((octets) => ipText(octets) ?? [])),
    spkiSha256: createHash('sha256').update(csr.spki).digest('hex'),
  };
}

/** Alternative names of a subject. */
export function alternativeNamesOf(subject: RequestSubject): readonly string[] {
  return [...subject.dnsNames, ...subject.ipAddresses];
}

function isCommonName(text: string): boolean {
  return text !== '' && text.length <= MAX_COMMON_NAME && !/\p{C}/u.test(text);
}

function parsed(der: Uint8Array): CertificationRequest {
  try {
    return parseCsr(der);
  } catch (error) {
    if (error instanceof DecodeError) throw bad(`not PKCS #10: ${error.message}`);
    throw error;
  }
}

function checkKey(spki: Uint8Array): void {
  const { type, curve, bits } = keyOf(spki);
  const isGood =
    type === 'ec'
      ? CURVES.includes(curve)
      : type === 'rsa' && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS;
  if (isGood) return;
  throw bad(
    `the key has to be on P-256, P-384 or P-521, or RSA of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`,
  );
}

function keyOf(spki: Uint8Array): {
  readonly type?: string | undefined;
  readonly curve?: string | undefined;
  readonly bits: number;
} {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    return { type: key.asymmetricKeyType, curve: namedCurve, bits: modulusLength };
  } catch {
    return { bits: 0 };
  }
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

function bad(problem: string): HttpError {
  return new HttpError(400, `certification request: ${problem}`);
}
