export type { Token } from './auth/token.ts';
export { createToken, parseToken } from './auth/token.ts';
export type { IssuedToken, IssueTokenOptions } from './cli/issue-token.ts';
export { issueToken } from './cli/issue-token.ts';
export type { AuthMethod, EndpointMethods, EnrollEndpoint } from './config/endpoints.ts';
export { DEFAULT_ENDPOINTS } from './config/endpoints.ts';
export type { ProvserverConfig } from './config/schema.ts';
export { provserverConfigSchema } from './config/schema.ts';
export type { ProvErrorCode } from './errors.ts';
export { ProvError } from './errors.ts';
export type { HttpLimits } from './http/limits.ts';
export type { RunServerOptions } from './server/run-server.ts';
export { runServer } from './server/run-server.ts';
export type { ProvServer, StartServerOptions } from './server/start-server.ts';
export { startServer } from './server/start-server.ts';
export { auditProblem } from './store/audit-hash.ts';
export { openStore } from './store/open-store.ts';
export type {
  AttestationKey,
  AuditEntry,
  CertificateRecord,
  IssueMethod,
  IssueOutcome,
  IssueRefusal,
  ListOptions,
  MetadataVersion,
  NewAuditEntry,
  NewCertificate,
  NewToken,
  Store,
  TokenCheck,
  TokenRecord,
  TokenRefusal,
  VendorCertificate,
} from './store/store.ts';
export type { EkCertificate } from './tpm/ek-certificate.ts';
export { EK_CERTIFICATE, readEkCertificate } from './tpm/ek-certificate.ts';
export type { TpmIdentity } from './tpm/tpm-identity.ts';
