import { type DerReader, Tag, type VerificationAlgorithm } from '../crypto/index.ts';

/** How a certificate is signed. */
export interface CertificateSignatureAlgorithm {
  /** Dotted OID. */
  readonly oid: string;
  /** As results spell it: `ECDSA-SHA256`; `0` when it has no name there. */
  readonly name: string;
  /** How to verify it; absent when it is not accepted (SHA-1, MD5, DSA, unknown ones). */
  readonly algorithm?: VerificationAlgorithm;
}

const PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';

type Known = Omit<CertificateSignatureAlgorithm, 'oid'>;

const UNKNOWN: Known = { name: '0' };

const ALGORITHMS: ReadonlyMap<string, Known> = new Map([
  ['1.2.840.113549.1.1.2', { name: 'MD2-RSA' }],
  ['1.2.840.113549.1.1.4', { name: 'MD5-RSA' }],
  ['1.2.840.113549.1.1.5', { name: 'SHA1-RSA' }],
  ['1.3.14.3.2.29', { name: 'SHA1-RSA' }],
  ['1.2.840.113549.1.1.11', { name: 'SHA256-RSA', algorithm: 'RS256' }],
  ['1.2.840.113549.1.1.12', { name: 'SHA384-RSA', algorithm: 'RS384' }],
  ['1.2.840.113549.1.1.13', { name: 'SHA512-RSA', algorithm: 'RS512' }],
  ['1.2.840.10040.4.3', { name: 'DSA-SHA1' }],
  ['2.16.840.1.101.3.4.3.2', { name: 'DSA-SHA256' }],
  ['1.2.840.10045.4.1', { name: 'ECDSA-SHA1' }],
  ['1.2.840.10045.4.3.2', { name: 'ECDSA-SHA256', algorithm: 'ECDSA-SHA256' }],
  ['1.2.840.10045.4.3.3', { name: 'ECDSA-SHA384', algorithm: 'ECDSA-SHA384' }],
  ['1.2.840.10045.4.3.4', { name: 'ECDSA-SHA512', algorithm: 'ECDSA-SHA512' }],
  ['1.3.101.112', { name: 'Ed25519', algorithm: 'Ed25519' }],
]);

const PSS_HASHES: ReadonlyMap<string, 256 | 384 | 512> = new Map([
  ['2.16.840.1.101.3.4.2.1', 256],
  ['2.16.840.1.101.3.4.2.2', 384],
  ['2.16.840.1.101.3.4.2.3', 512],
]);

/** What the contents of an AlgorithmIdentifier of a signature say (RFC 4055, 5758 and 8410). */
export function readSignatureAlgorithm(identifier: DerReader): CertificateSignatureAlgorithm {
  const oid = identifier.oid('algorithm');
  if (oid === PSS) return { oid, ...readPss(identifier) };
  if (!identifier.done) identifier.skip('parameters');
  identifier.end();
  return { oid, ...(ALGORITHMS.get(oid) ?? UNKNOWN) };
}

// One hash for message and mask, and a salt as long as it: nothing else is accepted.
function readPss(identifier: DerReader): Known {
  const parameters = identifier.enter(Tag.Sequence, 'parameters');
  identifier.end();
  const hash = inside(parameters, 0, 'hashAlgorithm', readHash);
  const mask = inside(parameters, 1, 'maskGenAlgorithm', readMaskHash);
  const salt = inside(parameters, 2, 'saltLength', (reader) =>
    reader.smallInteger('saltLength', 0xffff),
  );
  const trailer = inside(parameters, 3, 'trailerField', (reader) =>
    reader.smallInteger('trailerField', 0xffff),
  );
  parameters.end();
  const bits = PSS_HASHES.get(hash ?? '');
  if (bits === undefined || mask !== hash || salt !== bits / 8 || (trailer ?? 1) !== 1) {
    return UNKNOWN;
  }
  return { name: `SHA${bits}-RSAPSS`, algorithm: `PS${bits}` };
}

function inside<T>(
  parameters: DerReader,
  number: number,
  name: string,
  read: (reader: DerReader) => T,
): T | undefined {
  const reader = parameters.enterOptional(0xa0 | number, name);
  if (reader === undefined) return undefined;
  const value = read(reader);
  reader.end();
  return value;
}

function readMaskHash(reader: DerReader): string | undefined {
  const identifier = reader.enter(Tag.Sequence, 'maskGenAlgorithm');
  const isMgf1 = identifier.oid('algorithm') === MGF1;
  const hash = isMgf1 ? readHash(identifier) : undefined;
  if (!identifier.done) identifier.skip('parameters');
  identifier.end();
  return hash;
}

function readHash(reader: DerReader): string {
  const identifier = reader.enter(Tag.Sequence, 'hash');
  const oid = identifier.oid('algorithm');
  if (!identifier.done) identifier.read(Tag.Null, 'parameters');
  identifier.end();
  return oid;
}
