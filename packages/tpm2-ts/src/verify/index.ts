export type { CurveName, HashName } from '../algorithms.ts';
export { digest, hashSize, TPM_ALG } from '../algorithms.ts';
export type { Credential, MakeCredentialOptions } from '../crypto/make-credential.ts';
export { makeCredential } from '../crypto/make-credential.ts';
export type { PublicKey } from '../crypto/spki.ts';
export {
  decodeEkSpki,
  decodeSpki,
  encodeSpki,
  publicAreaToSpki,
  publicKeyOf,
  spkiToPublicArea,
} from '../crypto/spki.ts';
export { verifyTpmtSignature } from '../crypto/verify-signature.ts';
export type { EkPolicy, EkTemplate } from '../ek-templates.ts';
export { EK_TEMPLATES, ekPolicy, ekPublicArea, ekTemplate } from '../ek-templates.ts';
export type {
  TpmsAttest,
  TpmsCertifyAttest,
  TpmsClockInfo,
  TpmsCreationAttest,
  TpmsQuoteAttest,
  TpmsTimeAttest,
} from '../structures/attest.ts';
export { decodeTpmsAttest } from '../structures/attest.ts';
export type { TpmsCreationData } from '../structures/creation-data.ts';
export { decodeTpmsCreationData } from '../structures/creation-data.ts';
export type { TpmlPcrSelection, TpmsPcrSelection } from '../structures/pcr-selection.ts';
export { decodeTpmlPcrSelection, encodeTpmlPcrSelection } from '../structures/pcr-selection.ts';
export type {
  TpmtEccPublic,
  TpmtKeyedHashPublic,
  TpmtPublic,
  TpmtRsaPublic,
  TpmtScheme,
  TpmtSymDefObject,
} from '../structures/public-area.ts';
export {
  decodeTpmtPublic,
  encodeTpmtPublic,
  objectName,
  TPMA_OBJECT,
} from '../structures/public-area.ts';
export type { TpmtSignature } from '../structures/signature.ts';
export { decodeTpmtSignature, encodeTpmtSignature } from '../structures/signature.ts';
export type { ObjectAttribute } from './attestation-key.ts';
export { attestationKeyProblem } from './attestation-key.ts';
export type { Check, CheckId } from './checks.ts';
export type { AttestationKey, SignedAttestOptions } from './signed-attest.ts';
export type {
  CertifyVerification,
  CreationVerification,
  VerifyCertifyOptions,
  VerifyCreationOptions,
} from './verify-certify.ts';
export { verifyCertify, verifyCreation } from './verify-certify.ts';
export type { PcrValues, QuoteVerification, VerifyQuoteOptions } from './verify-quote.ts';
export { computePcrDigest, verifyQuote } from './verify-quote.ts';
