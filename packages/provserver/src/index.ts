export type { Token } from './auth/token.ts';
export { createToken, parseToken } from './auth/token.ts';
export type { AuthMethod, ProvserverConfig } from './config/schema.ts';
export { provserverConfigSchema } from './config/schema.ts';
export type { ProvErrorCode } from './errors.ts';
export { ProvError } from './errors.ts';
export { auditProblem } from './store/audit-hash.ts';
export { openStore } from './store/open-store.ts';
export type {
  AttestationKey,
  AuditEntry,
  CertificateRecord,
  Device,
  IssueMethod,
  IssueOutcome,
  IssueRefusal,
  ListOptions,
  NewAuditEntry,
  NewCertificate,
  NewToken,
  Store,
  TokenCheck,
  TokenRecord,
  TokenRefusal,
} from './store/store.ts';
