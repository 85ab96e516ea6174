import { toHex } from '@cmc/bytes';
import type { JsonObject } from '../types/report.ts';
import type { SnpProduct } from './product.ts';
import { type SnpReport, signingKeyOf } from './report.ts';
import { decodeTcb, tcbPartsOf } from './tcb.ts';

/** All fields of a report as plain JSON: byte strings in hex, 64-bit numbers as `0x…` text. */
export function snpReportToJson(report: SnpReport, product: SnpProduct): JsonObject {
  const tcb = (bytes: Uint8Array): JsonObject => {
    const parts = decodeTcb(bytes, product);
    return Object.fromEntries(tcbPartsOf(product).map((part) => [part, parts[part]]));
  };
  const { policy, platformInfo, cpuid, launchMitVector, currentMitVector } = report;
  return {
    version: report.version,
    guestSvn: report.guestSvn,
    policy: { ...policy, raw: hexNumber(policy.raw), reserved1: true },
    familyId: toHex(report.familyId),
    imageId: toHex(report.imageId),
    vmpl: report.vmpl,
    signatureAlgo: report.signatureAlgo,
    currentTcb: tcb(report.currentTcb),
    platformInfo: hexNumber(platformInfo.raw),
    platform: { ...platformInfo, raw: hexNumber(platformInfo.raw) },
    flags: hexNumber(BigInt(report.flags)),
    authorKeyEn: report.authorKeyEn,
    maskChipKey: report.maskChipKey,
    signingKey: signingKeyOf(report) ?? `none (${report.signingKey})`,
    reportData: toHex(report.reportData),
    measurement: toHex(report.measurement),
    hostData: toHex(report.hostData),
    idKeyDigest: toHex(report.idKeyDigest),
    authorKeyDigest: toHex(report.authorKeyDigest),
    reportId: toHex(report.reportId),
    reportIdMa: toHex(report.reportIdMa),
    reportedTcb: tcb(report.reportedTcb),
    ...(cpuid === undefined ? {} : { cpuid: { ...cpuid } }),
    chipId: toHex(report.chipId),
    committedTcb: tcb(report.committedTcb),
    currentFw: { ...report.currentFw },
    committedFw: { ...report.committedFw },
    launchTcb: tcb(report.launchTcb),
    ...(launchMitVector === undefined ? {} : { launchMitVector: hexNumber(launchMitVector) }),
    ...(currentMitVector === undefined ? {} : { currentMitVector: hexNumber(currentMitVector) }),
    product,
  };
}

function hexNumber(value: bigint): string {
  return `0x${value.toString(16)}`;
}
