export type {
  FakeCertificateOptions,
  FakeCertificateSignature,
  FakeExtendedKeyUsage,
  FakeExtension,
  FakeKeyUsage,
  FakeName,
} from './certificate.ts';
export { encodeName } from './certificate.ts';
export type { FixedClock } from './clock.ts';
export { fixedClock } from './clock.ts';
export { flipEachByte, prefixes } from './corpora.ts';
export type { FakeCrlOptions } from './crl.ts';
export { encodeFakeCrl } from './crl.ts';
export {
  der,
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
} from './der.ts';
export type { FakeCa, IssuedCertificate, IssueOptions } from './fake-ca.ts';
export { createFakeCa, toPem } from './fake-ca.ts';
export type {
  FakeKey,
  FakeKeyAlgorithm,
  FakeSignatureAlgorithm,
  FakeSigner,
} from './fake-key.ts';
export { createFakeKey, createFakeKeySync, fakeSigner, spkiOf } from './fake-key.ts';
export type { FuzzOptions } from './fuzz.ts';
export { fuzzDecoder, runFuzz } from './fuzz.ts';
export { encodePss } from './pss.ts';
export type { Swtpm } from './swtpm.ts';
export { isMissing, startSwtpm } from './swtpm.ts';
export type { TapOptions, TpmTap, TpmTransport } from './tpm-bus.ts';
export { tapTpm } from './tpm-bus.ts';
export { vectorsDir } from './vectors.ts';
