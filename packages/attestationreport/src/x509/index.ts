export { DerReader, Tag } from '../crypto/index.ts';
export type { Certificate } from './certificate.ts';
export { fingerprint, MAX_CERTIFICATE_BYTES, parseCertificate } from './certificate.ts';
export type { ChainPurpose } from './certificate-rules.ts';
export { NOT_BEFORE_LEEWAY_MS } from './certificate-rules.ts';
export type { Signed } from './certificate-signature.ts';
export { signatureProblem } from './certificate-signature.ts';
export type { Chains } from './chain-cache.ts';
export type {
  AlternativeNames,
  BasicConstraints,
  CertificateExtension,
  KeyUsage,
  KnownExtensions,
} from './extensions.ts';
export { decodeKnownExtensions, ExtensionOid, readExtensions } from './extensions.ts';
export { extractCertificate } from './extract-certificate.ts';
export type { DistinguishedName, NameAttribute } from './name.ts';
export { readName } from './name.ts';
export {
  encodePem,
  MAX_PEM_BLOCKS,
  parsePemBlocks,
  parsePemCertificates,
  parsePemOrDer,
  parsePemPublicKey,
} from './pem.ts';
export type { CertificateSignatureAlgorithm } from './signature-algorithm.ts';
export { readSignatureAlgorithm } from './signature-algorithm.ts';
export { readTime } from './time.ts';
export type { ChainResult, VerifyChainOptions } from './verify-chain.ts';
export {
  MAX_CHAIN_LENGTH,
  MAX_INTERMEDIATES,
  MAX_SIGNATURE_CHECKS,
  verifyChain,
} from './verify-chain.ts';
