export { decodeBase64Lines, encodeBase64Lines } from './base64-lines.ts';
export type {
  CertificationRequest,
  CsrVerification,
  RequestAttribute,
} from './certification-request.ts';
export { AttributeOid, MAX_CSR_BYTES, parseCsr, verifyCsr } from './certification-request.ts';
export { decodeCertsOnly, encodeCertsOnly, MAX_CERTIFICATES } from './certs-only.ts';
export type { AttestedEnrollOptions, EstClient } from './client.ts';
export { createEstClient } from './client.ts';
export type { CreateCsrOptions } from './create-csr.ts';
export { createCsr } from './create-csr.ts';
export type { CsrAttribute } from './csr-attributes.ts';
export { decodeCsrAttributes, encodeCsrAttributes } from './csr-attributes.ts';
export type { EncryptedDataSpelling, EncryptOptions } from './encrypted-data.ts';
export { decryptData, encryptData, MAX_ENCRYPTED_DATA_BYTES } from './encrypted-data.ts';
export type {
  AttestEnrollRequest,
  TpmActivateEnrollRequest,
  TpmActivateEnrollResponse,
  TpmCertifyEnrollRequest,
  TpmInfo,
} from './enroll-messages.ts';
export {
  attestEnrollRequest,
  MAX_ENROLL_BODY_BYTES,
  MAX_REPORT_BYTES,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
  tpmCertifyEnrollRequest,
} from './enroll-messages.ts';
export { enrollmentNonce, NONCE_HEADER, SERVER_NONCE_BYTES } from './enrollment-nonce.ts';
export type { EstErrorCode, EstErrorOptions } from './errors.ts';
export { EstError } from './errors.ts';
export type { EstClientCertificate, EstClientOptions } from './est-connection.ts';
export { DEFAULT_TIMEOUT_MS, MAX_RESPONSE_BYTES } from './est-connection.ts';
export type {
  CertificateProfile,
  IssueCertificateOptions,
  IssuedCertificate,
} from './issue-certificate.ts';
export {
  DEFAULT_BACKDATE_MS,
  issueCertificate,
  issueRoot,
  KeyPurpose,
  readAuthority,
} from './issue-certificate.ts';
export type { IssueCrlOptions, RevocationReasonName, RevokedCertificate } from './issue-crl.ts';
export { issueCrl, RevocationReason } from './issue-crl.ts';
export type { MediaType } from './media-type.ts';
export { MEDIA_TYPE, parseMediaType } from './media-type.ts';
export type { EncodedBody, Part } from './multipart.ts';
export {
  decodeMultipart,
  encodeMultipart,
  MAX_PART_HEADER_BYTES,
  MAX_PARTS,
} from './multipart.ts';
export type { MessageFormat } from './multipart-message.ts';
export { ipOctets, ipText, isDnsName, normalName } from './names.ts';
export type { ServerNonce } from './server-nonce.ts';
export { decodeServerNonce } from './server-nonce.ts';
export { ecdsaToDer } from './sign-tbs.ts';
export type { CsrSubject } from './subject.ts';
export { encodeSubject } from './subject.ts';
