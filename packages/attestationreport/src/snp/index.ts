export type { AppraiseSnpOptions, SnpAppraisal } from './appraise.ts';
export { appraiseSnp, parseSnpCertificate } from './appraise.ts';
export {
  decodeCspId,
  decodeHwId,
  decodeProductName,
  decodeSvn,
  SnpOid,
} from './certificate-extensions.ts';
export type { SnpTableEntry, SnpTableEntryKind } from './certificate-table.ts';
export {
  MAX_SNP_TABLE_BYTES,
  MAX_SNP_TABLE_ENTRIES,
  parseSnpCertificateTable,
} from './certificate-table.ts';
export type { SnpChainOptions, SnpChainResult } from './chain.ts';
export { verifySnpAuthorities, verifySnpChain } from './chain.ts';
export type { SnpComparison } from './compare-certificate.ts';
export { compareExtensions, compareProduct } from './compare-certificate.ts';
export type { RevocationList } from './crl.ts';
export {
  MAX_CRL_BYTES,
  parseRevocationList,
  parseRevocationLists,
  revocationListProblem,
  revocationProblem,
} from './crl.ts';
export type { InspectSnpOptions, SnpCheck, SnpInspection } from './inspect.ts';
export { inspectSnpReport } from './inspect.ts';
export type { SnpCpuid, SnpProduct } from './product.ts';
export { chipIdLength, productOfCpuid, productOfName, SNP_PRODUCTS } from './product.ts';
export type {
  SnpFirmwareVersion,
  SnpGuestPolicyBits,
  SnpPlatformInfo,
  SnpReport,
  SnpSigningKey,
} from './report.ts';
export {
  parseSnpReport,
  productOfReport,
  SNP_REPORT_BYTES,
  SNP_REPORT_VERSIONS,
  signingKeyOf,
} from './report.ts';
export { snpReportToJson } from './report-json.ts';
export { AMD_ROOT_FINGERPRINTS } from './roots.ts';
export { verifySnpSignature } from './signature.ts';
export type { SnpTcbPart, SnpTcbVersion } from './tcb.ts';
export { decodeTcb, encodeTcb, SNP_TCB_PARTS, tcbPartsOf } from './tcb.ts';
