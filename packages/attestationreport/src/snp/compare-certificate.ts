import { DecodeError, toHex } from '@cmc/bytes';
import { ErrorCode } from '../error-codes.ts';
import type { Certificate } from '../x509/index.ts';
import {
  decodeCspId,
  decodeHwId,
  decodeProductName,
  decodeSvn,
  SnpOid,
} from './certificate-extensions.ts';
import { chipIdLength, type SnpProduct } from './product.ts';
import { productOfReport, type SnpReport, type SnpSigningKey } from './report.ts';
import { decodeTcb, hasReservedTcbBytes, type SnpTcbPart, tcbPartsOf } from './tcb.ts';

/** One comparison between the certificate of the key and the report that the key signed. */
export interface SnpComparison {
  /** `tcb.bl`, `chipId`, `cspId`, `product` … */
  readonly id: string;
  readonly pass: boolean;
  /** What the certificate says; absent when it says nothing. */
  readonly certificate?: string;
  /** What the report says, or what is allowed. */
  readonly report: string;
  /** Set when the extension is missing (27) or malformed (26, 28). */
  readonly code?: ErrorCode;
  readonly problem?: string;
}

/**
 * Compares the extensions of the certificate with the report: every security version number with
 * the REPORTED TCB, the chip id of a VCEK; a VLEK must have a provider and no chip.
 */
export function compareExtensions(
  certificate: Certificate,
  report: Pick<SnpReport, 'chipId' | 'reportedTcb'>,
  product: SnpProduct,
  kind: SnpSigningKey,
): readonly SnpComparison[] {
  const reported = decodeTcb(report.reportedTcb, product);
  const svns = tcbPartsOf(product).map((part: SnpTcbPart) =>
    compare(certificate, `tcb.${part}`, SnpOid[part], String(reported[part]), (value) =>
      String(decodeSvn(value)),
    ),
  );
  return [
    ...svns,
    ...(kind === 'VCEK' ? [chipId(certificate, report, product)] : vlek(certificate)),
  ];
}

/** Compares what certificate and report say about the generation, and what must be zero with it. */
export function compareProduct(
  certificate: Certificate,
  report: SnpReport,
  product: SnpProduct,
): readonly SnpComparison[] {
  const ofReport = productOfReport(report);
  // Reports of version 2 do not name the processor; firmware of Turin never made them.
  const fits = report.cpuid === undefined ? product !== 'Turin' : ofReport === product;
  const { cpuid } = report;
  const measured =
    cpuid === undefined
      ? 'a report of version 2, before Turin'
      : `${ofReport ?? 'unknown'} (family ${cpuid.family}, model ${cpuid.model})`;
  const reserved = (['currentTcb', 'reportedTcb', 'committedTcb', 'launchTcb'] as const).filter(
    (name) => hasReservedTcbBytes(report[name], product),
  );
  return [
    { id: 'product', pass: fits, certificate: product, report: measured },
    compare(certificate, 'productName', SnpOid.productName, product, decodeProductName),
    compare(
      certificate,
      'structVersion',
      SnpOid.structVersion,
      product === 'Turin' ? '1' : '0',
      (value) => String(decodeSvn(value)),
    ),
    {
      id: 'tcbReserved',
      pass: reserved.length === 0,
      report: reserved.length === 0 ? 'zero' : `not zero in ${reserved.join(', ')}`,
    },
  ];
}

function chipId(
  certificate: Certificate,
  report: Pick<SnpReport, 'chipId'>,
  product: SnpProduct,
): SnpComparison {
  const length = chipIdLength(product);
  const bytes = report.chipId.subarray(0, length);
  const rest = report.chipId.subarray(length);
  const compared = compare(certificate, 'chipId', SnpOid.hwId, toHex(bytes), (value) =>
    toHex(decodeHwId(value, bytes.length)),
  );
  if (rest.some((byte) => byte !== 0)) {
    return { ...compared, pass: false, problem: `expected zeros behind the first ${length} bytes` };
  }
  if (bytes.every((byte) => byte === 0)) {
    return { ...compared, pass: false, problem: 'the chip id is masked' };
  }
  return compared;
}

function vlek(certificate: Certificate): readonly SnpComparison[] {
  const csp = compare(certificate, 'cspId', SnpOid.cspId, undefined, decodeCspId);
  const hasChip = certificate.extensions.some(({ oid }) => oid === SnpOid.hwId);
  return [
    csp,
    ...(hasChip
      ? [{ id: 'chipId', pass: false, report: 'none', problem: 'a VLEK is for no single chip' }]
      : []),
  ];
}

/** Decodes an extension and compares it with what is expected; `undefined`: anything. */
function compare(
  certificate: Certificate,
  id: string,
  oid: string,
  expected: string | undefined,
  decode: (value: Uint8Array) => string,
): SnpComparison {
  const report = expected ?? 'any';
  const value = certificate.extensions.find((extension) => extension.oid === oid)?.value;
  if (value === undefined) {
    const problem = `the certificate has no extension ${oid}`;
    return { id, pass: false, report, code: ErrorCode.OidNotPresent, problem };
  }
  try {
    const got = decode(value);
    return { id, pass: expected === undefined || got === expected, certificate: got, report };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const code = error.code === 'ERR_DECODE_TYPE' ? ErrorCode.OidTag : ErrorCode.OidLength;
    return { id, pass: false, report, code, problem: `extension ${oid}: ${error.message}` };
  }
}
