import {
  type Certificate,
  DerReader,
  fingerprint,
  parseCertificate,
  verifyChain,
} from '@cmc/attestationreport/x509';
import { DecodeError, equalBytes, toHex } from '@cmc/bytes';
import { KdsError } from './errors.ts';
import { type ArkPins, chipIdLength, type Product } from './product.ts';
import type { KeyKind, VcekName } from './request.ts';
import { tcbParts } from './tcb.ts';

/** What certificates are checked against. */
export interface Trust {
  readonly pins: ArkPins;
  readonly now: Date;
}

/** Extensions of AMD's certificates: Versioned Chip Endorsement Key specification (57230). */
const HARDWARE_ID = '1.3.6.1.4.1.3704.1.4';
const TCB_OIDS = {
  bl: '1.3.6.1.4.1.3704.1.3.1',
  tee: '1.3.6.1.4.1.3704.1.3.2',
  snp: '1.3.6.1.4.1.3704.1.3.3',
  ucode: '1.3.6.1.4.1.3704.1.3.8',
  fmc: '1.3.6.1.4.1.3704.1.3.9',
} as const;

/**
 * The authority that issues keys of this kind, and the pinned root above it.
 * @throws {KdsError} ERR_KDS_INVALID
 */
export async function checkAuthorities(
  kind: KeyKind,
  product: Product,
  certificates: readonly Certificate[],
  trust: Trust,
): Promise<readonly [Certificate, Certificate]> {
  const [issuer, root] = certificates;
  if (certificates.length !== 2 || issuer === undefined || root === undefined) {
    throw invalid(`chain of ${product}: expected 2 certificates, got ${certificates.length}`);
  }
  const pin = trust.pins[product];
  if (fingerprint(root) !== pin) {
    throw invalid(`chain of ${product}: the root is not the pinned one, but ${fingerprint(root)}`);
  }
  const name = `SEV-${kind === 'vlek' ? 'VLEK-' : ''}${product}`;
  if (!issuer.subject.split(',').includes(`CN=${name}`)) {
    throw invalid(`chain of ${product}: expected ${name}, got ${issuer.subject}`);
  }
  await checkChain(issuer, [], root, trust.now);
  return [issuer, root];
}

/**
 * The certificate in `der`, when it is the one that `name` asks for and under `authorities`.
 * @throws {KdsError} ERR_KDS_INVALID
 */
export async function checkVcek(
  der: Uint8Array,
  name: VcekName,
  [issuer, root]: readonly [Certificate, Certificate],
  now: Date,
): Promise<Certificate> {
  const certificate = decoded('VCEK', () => parseCertificate(der));
  decoded('VCEK', () => checkExtensions(certificate, name));
  await checkChain(certificate, [issuer], root, now);
  return certificate;
}

function checkExtensions(certificate: Certificate, { product, chipId, tcb }: VcekName): void {
  const hardwareId = extension(certificate, HARDWARE_ID);
  if (hardwareId.length !== chipIdLength(product) || !equalBytes(hardwareId, chipId)) {
    throw invalid(`VCEK: of chip ${toHex(hardwareId)}, expected ${toHex(chipId)}`);
  }
  for (const part of tcbParts(product)) {
    const reader = new DerReader(extension(certificate, TCB_OIDS[part]), `${part}SPL`);
    const value = reader.smallInteger('value', 255);
    reader.end();
    if (value !== tcb[part]) {
      throw invalid(`VCEK: ${part}SPL is ${value}, expected ${tcb[part]}`);
    }
  }
}

function extension(certificate: Certificate, oid: string): Uint8Array {
  const found = certificate.extensions.find((candidate) => candidate.oid === oid);
  if (found === undefined) throw invalid(`VCEK: no extension ${oid}`);
  return found.value;
}

async function checkChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  root: Certificate,
  now: Date,
): Promise<void> {
  const result = await verifyChain({ leaf, intermediates, roots: [root], now });
  if (!result.ok) throw invalid(`${leaf.subject}: ${result.reason}`);
}

/** What `decode` returns. @throws {KdsError} ERR_KDS_INVALID in place of its decoding errors */
export function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw invalid(`${what}: ${cause.message}`, cause);
  }
}

export function invalid(message: string, cause?: unknown): KdsError {
  return new KdsError('ERR_KDS_INVALID', message, cause === undefined ? {} : { cause });
}
