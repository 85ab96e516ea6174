export type { SignatureTrust } from './check-signature.ts';
export { extractPayload } from './decode-signed.ts';
export type { SignErrorCode, SignPayloadOptions } from './sign-payload.ts';
export { signPayload } from './sign-payload.ts';
export { isSignedReport, signReport } from './sign-report.ts';
export type { RefusedItem, SignedItem, VerifiedItem } from './signed-item.ts';
export { MAX_CERTIFICATES, MAX_SIGNATURES } from './signed-message.ts';
export type { VerifySignedOptions } from './verify-signed.ts';
export { verifySigned } from './verify-signed.ts';
