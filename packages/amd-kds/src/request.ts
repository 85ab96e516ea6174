import {
  chipIdLength,
  encodeTcb,
  SNP_PRODUCTS,
  type SnpProduct,
  type SnpTcbVersion,
  tcbPartsOf,
} from '@cmc/attestationreport/snp';
import { toHex } from '@cmc/bytes';

/** Kinds of keys that sign reports: of a chip, or of an operator of many. */
export type KeyKind = 'vcek' | 'vlek';

/** Names one certificate of a chip. */
export interface VcekRequest {
  readonly product: SnpProduct;
  /** 64 bytes as in reports, or the 8 that Turin has. */
  readonly chipId: Uint8Array;
  readonly tcb: SnpTcbVersion;
}

/** A request that was checked, as the service and the cache name it. */
export interface VcekName {
  readonly product: SnpProduct;
  /** As long as in the certificate. */
  readonly chipId: Uint8Array;
  /** TCB_VERSION, as in reports. */
  readonly reportedTcb: Uint8Array;
  readonly path: string;
  readonly cacheName: string;
}

/** @throws {RangeError} product, chip id or TCB are none */
export function nameVcek(request: VcekRequest): VcekName {
  const { product, tcb } = request;
  checkProduct(product);
  const chipId = shortChipId(product, request.chipId);
  const reportedTcb = encodeTcb(tcb, product);
  const query = tcbPartsOf(product).map((part) => `${part}SPL=${tcb[part]}`);
  const padded = toHex(chipId).padEnd(128, '0');
  return {
    product,
    chipId,
    reportedTcb,
    path: `/vcek/v1/${product}/${toHex(chipId)}?${query.join('&')}`,
    cacheName: `${padded}_${toHex(reportedTcb.toReversed())}.der`,
  };
}

/** Path and cache name of a chain of authorities. @throws {RangeError} no such product or kind */
export function nameChain(kind: KeyKind, product: SnpProduct): { path: string; cacheName: string } {
  checkKind(kind);
  checkProduct(product);
  const authority = kind === 'vcek' ? 'ask' : 'asvk';
  return {
    path: `/${kind}/v1/${product}/cert_chain`,
    cacheName: `${authority}_ark_${product}.cert`,
  };
}

/** @throws {RangeError} no such product or kind */
export function crlPath(kind: KeyKind, product: SnpProduct): string {
  checkKind(kind);
  checkProduct(product);
  return `/${kind}/v1/${product}/crl`;
}

function shortChipId(product: SnpProduct, chipId: Uint8Array): Uint8Array {
  const length = chipIdLength(product);
  const rest = chipId.subarray(length);
  const isPadded = chipId.length === 64 && rest.every((byte) => byte === 0);
  if (chipId.length !== length && !isPadded) {
    throw new RangeError(`chip id: expected ${length} bytes for ${product}, got ${chipId.length}`);
  }
  if (chipId.every((byte) => byte === 0)) {
    throw new RangeError('chip id: it is masked, all of it is zero');
  }
  return chipId.slice(0, length);
}

function checkProduct(product: SnpProduct): void {
  if (!SNP_PRODUCTS.includes(product))
    throw new RangeError('product: expected Milan, Genoa or Turin');
}

function checkKind(kind: string): void {
  if (kind !== 'vcek' && kind !== 'vlek') throw new RangeError('kind: expected vcek or vlek');
}
