import { equalBytes, toHex } from '@cmc/bytes';
import type {
  Certificate,
  CertificateExtension,
  CertificateSignatureAlgorithm,
  DistinguishedName,
} from '../x509/index.ts';
import {
  DerReader,
  NOT_BEFORE_LEEWAY_MS,
  parsePemOrDer,
  readExtensions,
  readName,
  readSignatureAlgorithm,
  signatureProblem,
  Tag,
} from '../x509/index.ts';
import { readTime } from '../x509/time.ts';

/** A certificate revocation list (RFC 5280, section 5). Parsed is not verified. */
export interface RevocationList {
  /** DER. */
  readonly raw: Uint8Array;
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly issuerName: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Hex of the serial numbers. */
  readonly revoked: ReadonlySet<string>;
}

/** Longest list that is looked at. */
export const MAX_CRL_BYTES = 1_048_576;

/** The list in `der`, and nothing behind it. @throws {DecodeError} */
export function parseRevocationList(der: Uint8Array): RevocationList {
  const outer = new DerReader(new Uint8Array(der), 'CertificateList');
  if (der.length > MAX_CRL_BYTES) {
    outer.fail('ERR_DECODE_LIMIT', `${der.length} bytes, at most ${MAX_CRL_BYTES}`);
  }
  const list = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const tbs = list.open(Tag.Sequence, 'tbsCertList');
  const algorithm = list.open(Tag.Sequence, 'signatureAlgorithm');
  const signatureAlgorithm = readSignatureAlgorithm(algorithm.contents);
  const signature = list.bitString('signature');
  list.end();
  const reader = tbs.contents;
  if (reader.peek() === Tag.Integer) reader.smallInteger('version', 1);
  if (!equalBytes(reader.element(Tag.Sequence, 'signature'), algorithm.raw)) {
    reader.fail('ERR_DECODE_VALUE', 'signature: another algorithm than in signatureAlgorithm');
  }
  const issuerName = readName(reader, 'issuer');
  const thisUpdate = readTime(reader, 'thisUpdate');
  // RFC 5280 demands it: a list without an end would clear a certificate for ever.
  const nextUpdate = readTime(reader, 'nextUpdate');
  const revoked = new Set<string>();
  const entries = reader.enterOptional(Tag.Sequence, 'revokedCertificates');
  while (entries !== undefined && !entries.done) {
    const entry = entries.enter(Tag.Sequence, 'entry');
    revoked.add(toHex(entry.integer('userCertificate')));
    readTime(entry, 'revocationDate');
    if (!entry.done) refuseCritical(entry, readExtensions(entry));
    entry.end();
  }
  const extensions = reader.enterOptional(0xa0, 'crlExtensions');
  if (extensions !== undefined) refuseCritical(extensions, readExtensions(extensions));
  reader.end();
  return {
    raw: new Uint8Array(der),
    tbs: tbs.raw,
    signature,
    signatureAlgorithm,
    issuerName,
    thisUpdate,
    nextUpdate,
    revoked,
  };
}

/** The lists in a file, PEM or DER; at least one. @throws {DecodeError} */
export function parseRevocationLists(content: Uint8Array): readonly RevocationList[] {
  return parsePemOrDer(content, 'X509 CRL').map(parseRevocationList);
}

/**
 * Why lists do not clear `certificate`, which `issuer` issued: revoked, or no list of the issuer
 * that it signed and that is in date.
 */
export async function revocationProblem(
  certificate: Certificate,
  issuer: Certificate,
  lists: readonly RevocationList[],
  now: Date,
): Promise<string | undefined> {
  const own = lists.filter((list) => isOf(list, issuer));
  if (own.length === 0) return `no revocation list of ${issuer.subject}`;
  for (const list of own) {
    const problem = await revocationListProblem(list, issuer, now);
    if (problem !== undefined) return problem;
    if (list.revoked.has(toHex(certificate.serialNumber))) {
      return `${certificate.subject} is revoked`;
    }
  }
  return undefined;
}

/** Why `list` says nothing about certificates of `issuer` now: not signed by it, or out of date. */
export async function revocationListProblem(
  list: RevocationList,
  issuer: Certificate,
  now: Date,
): Promise<string | undefined> {
  if (!isOf(list, issuer)) return `the revocation list is not of ${issuer.subject}`;
  if (issuer.keyUsage?.includes('crlSign') === false) {
    return `${issuer.subject}: its key usage does not allow to sign revocation lists`;
  }
  const wrong = await signatureProblem(list, issuer);
  if (wrong !== undefined) return `the revocation list is ${wrong}`;
  const time = now.getTime();
  if (time < list.thisUpdate.getTime() - NOT_BEFORE_LEEWAY_MS || time > list.nextUpdate.getTime()) {
    const period = `${list.thisUpdate.toISOString()} to ${list.nextUpdate.toISOString()}`;
    return `the revocation list of ${issuer.subject} is for ${period}`;
  }
  return undefined;
}

function isOf({ issuerName }: RevocationList, issuer: Certificate): boolean {
  return equalBytes(issuerName.raw, issuer.subjectName.raw);
}

// A critical extension (an indirect or a delta list) changes what the list means.
function refuseCritical(reader: DerReader, extensions: readonly CertificateExtension[]): void {
  const critical = extensions.find((extension) => extension.critical);
  if (critical !== undefined) {
    reader.fail('ERR_DECODE_VALUE', `critical extension ${critical.oid} is not supported`);
  }
}
