import {
  compareExtensions,
  parseRevocationList,
  type RevocationList,
  revocationListProblem,
  type SnpProduct,
  type SnpSigningKey,
  verifySnpAuthorities,
  verifySnpChain,
} from '@cmc/attestationreport/snp';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import { KdsError } from './errors.ts';
import type { KeyKind, VcekName } from './request.ts';

/** What certificates are checked against. */
export interface Trust {
  readonly now: Date;
  /** Instead of AMD's. */
  readonly roots?: readonly Certificate[];
}

/**
 * The authority that issues keys of this kind, and the root of AMD above it.
 * @throws {KdsError} ERR_KDS_INVALID
 */
export async function checkAuthorities(
  kind: KeyKind,
  product: SnpProduct,
  certificates: readonly Certificate[],
  trust: Trust,
): Promise<readonly [Certificate, Certificate]> {
  const [issuer, root] = certificates;
  if (certificates.length !== 2 || issuer === undefined || root === undefined) {
    throw invalid(`chain of ${product}: expected 2 certificates, got ${certificates.length}`);
  }
  const result = await decoded(
    'chain',
    async () => await verifySnpAuthorities([issuer, root], { ...trust, kind: signingKeys[kind] }),
  );
  const problem = result.rootProblem ?? result.chainProblem;
  if (problem !== undefined) throw invalid(`chain of ${product}: ${problem}`);
  if (result.product !== product) throw invalid(`chain of ${product}: of ${result.product}`);
  return [issuer, root];
}

/**
 * The certificate in `der`, when it is the one that `name` asks for and under `authorities`.
 * @throws {KdsError} ERR_KDS_INVALID
 */
export async function checkVcek(
  der: Uint8Array,
  name: VcekName,
  authorities: readonly [Certificate, Certificate],
  trust: Trust,
): Promise<Certificate> {
  return await decoded('VCEK', async () => {
    const certificate = parseCertificate(der);
    const chain = [certificate, ...authorities];
    const { rootProblem, chainProblem } = await verifySnpChain(chain, { ...trust, kind: 'VCEK' });
    const problem = rootProblem ?? chainProblem;
    if (problem !== undefined) throw invalid(`VCEK: ${problem}`);
    const compared = compareExtensions(certificate, name, name.product, 'VCEK');
    const other = compared.find(({ pass }) => !pass);
    if (other === undefined) return certificate;
    const { id, problem: reason = `is ${other.certificate}, expected ${other.report}` } = other;
    throw invalid(`VCEK: ${id}: ${reason}`);
  });
}

/**
 * The certificate revocation list in `der`, signed by `issuer` and current.
 * @throws {KdsError} ERR_KDS_INVALID
 */
export async function checkCrl(
  der: Uint8Array,
  issuer: Certificate,
  now: Date,
): Promise<RevocationList> {
  return await decoded('CRL', async () => {
    const list = parseRevocationList(der);
    const problem = await revocationListProblem(list, issuer, now);
    if (problem !== undefined) throw invalid(`CRL: ${problem}`);
    return list;
  });
}

const signingKeys: Readonly<Record<KeyKind, SnpSigningKey>> = { vcek: 'VCEK', vlek: 'VLEK' };

/** What `decode` returns. @throws {KdsError} ERR_KDS_INVALID in place of its decoding errors */
export async function decoded<T>(what: string, decode: () => T | Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw invalid(`${what}: ${cause.message}`, cause);
  }
}

function invalid(message: string, cause?: unknown): KdsError {
  return new KdsError('ERR_KDS_INVALID', message, cause === undefined ? {} : { cause });
}
