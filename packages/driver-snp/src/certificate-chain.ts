import type { WaitOptions } from '@cmc/attestationreport';
import {
  compareExtensions,
  decodeProductName,
  decodeTcb,
  parseSnpCertificateTable,
  productOfName,
  productOfReport,
  SnpOid,
  type SnpProduct,
  type SnpReport,
  type SnpTableEntryKind,
  type SnpTcbVersion,
  signingKeyOf,
} from '@cmc/attestationreport/snp';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { equalBytes, toHex } from '@cmc/bytes';
import { SnpDriverError } from './errors.ts';

/**
 * Where certificates come from that the host does not give: a client of @cmc/amd-kds is one. What it
 * throws is passed on.
 */
export interface Endorser {
  /** Certificate of the key of a chip, at a TCB. */
  vcek(
    request: {
      readonly product: SnpProduct;
      /** 64 bytes, as in the report. */
      readonly chipId: Uint8Array;
      readonly tcb: SnpTcbVersion;
    },
    wait?: WaitOptions,
  ): Promise<Certificate>;
  /** Authority of the keys of a kind (ASK or ASVK), and the root (ARK). */
  chain(
    kind: 'vcek' | 'vlek',
    product: SnpProduct,
    wait?: WaitOptions,
  ): Promise<readonly [Certificate, Certificate]>;
}

/** Certificates of the key that signed a report: that key's, its authority, the root of AMD. */
export type SnpChain = readonly [Certificate, Certificate, Certificate];

/**
 * The certificates for a report: those that the host put beside it, as far as they are there, the
 * others from `endorser`. They must belong to the report: a host whose table is from before an
 * update of its firmware is common, and its certificate would be refused by every verifier.
 * @throws {SnpDriverError} ERR_SNP_CERTIFICATE, ERR_SNP_REPORT; what `endorser` throws
 */
export async function certificateChain(
  report: SnpReport,
  table: Uint8Array,
  endorser: Endorser | undefined,
  wait: WaitOptions = {},
): Promise<SnpChain> {
  const kind = signingKeyOf(report);
  if (kind === undefined) {
    const message = `the report is signed by key ${report.signingKey}, neither VCEK nor VLEK`;
    throw new SnpDriverError('ERR_SNP_REPORT', message);
  }
  const entries = readTable(table);
  const given = entries.get(kind);
  const leaf =
    given !== undefined && belongs(given, report)
      ? given
      : await fetchLeaf(report, kind, given, endorser, wait);
  const product = productOf(report, leaf);
  if (product === undefined) {
    const message = 'neither report nor certificate names a generation that is known';
    throw new SnpDriverError('ERR_SNP_REPORT', message);
  }
  const [authority, root] = [entries.get('ASK'), entries.get('ARK')];
  if (authority !== undefined && root !== undefined && issued(authority, leaf)) {
    return [leaf, authority, root];
  }
  if (endorser === undefined) {
    throw new SnpDriverError(
      'ERR_SNP_CERTIFICATE',
      'the host gives no certificates of the authorities, and no other source is configured',
    );
  }
  const chain = await endorser.chain(kind === 'VCEK' ? 'vcek' : 'vlek', product, wait);
  return [leaf, ...chain];
}

/** Whether a certificate is the one for a report: its kind, its chip and its reported TCB. */
export function belongs(certificate: Certificate, report: SnpReport): boolean {
  const kind = signingKeyOf(report);
  const product = productOf(report, certificate);
  return (
    kind !== undefined &&
    product !== undefined &&
    compareExtensions(certificate, report, product, kind).every(({ pass }) => pass)
  );
}

async function fetchLeaf(
  report: SnpReport,
  kind: 'VCEK' | 'VLEK',
  given: Certificate | undefined,
  endorser: Endorser | undefined,
  wait: WaitOptions,
): Promise<Certificate> {
  const problem =
    given === undefined
      ? `the host gives no ${kind} certificate`
      : `the ${kind} certificate of the host is not for this report: chip ` +
        `${toHex(report.chipId.subarray(0, 8))}…, reported TCB ${toHex(report.reportedTcb)}`;
  if (kind === 'VLEK' || endorser === undefined) {
    const other =
      kind === 'VLEK' ? 'they come from the host only' : 'no other source is configured';
    throw new SnpDriverError('ERR_SNP_CERTIFICATE', `${problem}, and ${other}`);
  }
  const product = productOfReport(report);
  // Reports before version 3 do not name the generation; those chips are Milan or Genoa.
  const candidates: readonly SnpProduct[] = product === undefined ? ['Milan', 'Genoa'] : [product];
  let last: unknown;
  for (const candidate of candidates) {
    try {
      const tcb = decodeTcb(report.reportedTcb, candidate);
      return await endorser.vcek({ product: candidate, chipId: report.chipId, tcb }, wait);
    } catch (error) {
      wait.signal?.throwIfAborted();
      last = error;
    }
  }
  throw last;
}

/** The generation that the report names, else the certificate. */
function productOf(report: SnpReport, certificate: Certificate): SnpProduct | undefined {
  const named = productOfReport(report);
  if (named !== undefined) return named;
  const value = certificate.extensions.find(({ oid }) => oid === SnpOid.productName)?.value;
  try {
    return value && productOfName(decodeProductName(value));
  } catch {
    return undefined;
  }
}

function issued(authority: Certificate, leaf: Certificate): boolean {
  return equalBytes(authority.subjectName.raw, leaf.issuerName.raw);
}

function readTable(table: Uint8Array): ReadonlyMap<SnpTableEntryKind, Certificate> {
  const certificates = new Map<SnpTableEntryKind, Certificate>();
  if (table.length === 0) return certificates;
  try {
    for (const { kind, data } of parseSnpCertificateTable(table)) {
      if (kind !== undefined) certificates.set(kind, parseCertificate(data));
    }
    return certificates;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SnpDriverError('ERR_SNP_CERTIFICATE', `the host's certificates: ${reason}`, {
      cause,
    });
  }
}
