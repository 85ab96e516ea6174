import { CmcError, DecodeError } from '@cmc/bytes';
import { ApiError, type ApiErrorCode, errorText, remoteError } from '../errors.ts';

/** Status codes of gRPC that are used here. */
export const GRPC_STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** Status for `error`. The reference has UNKNOWN for everything; so do codes without a rule here. */
export function statusOf(error: unknown): number {
  if (!(error instanceof CmcError)) return GRPC_STATUS.INTERNAL;
  if (error instanceof DecodeError) return GRPC_STATUS.INVALID_ARGUMENT;
  if (error.code === 'ERR_API_REQUEST' || error.code === 'ERR_API_VERSION') {
    return GRPC_STATUS.INVALID_ARGUMENT;
  }
  // By the end of the code, so that the errors of the daemon's own packages are covered too.
  if (error.code.endsWith('_TIMEOUT')) return GRPC_STATUS.DEADLINE_EXCEEDED;
  if (error.code.endsWith('_UNAVAILABLE')) return GRPC_STATUS.UNAVAILABLE;
  if (error.code.endsWith('_LIMIT')) return GRPC_STATUS.RESOURCE_EXHAUSTED;
  return GRPC_STATUS.UNKNOWN;
}

/** Statuses that libraries and proxies send by themselves, without one of our codes in the text. */
const CODE_OF_STATUS: ReadonlyMap<number, ApiErrorCode> = new Map([
  [GRPC_STATUS.DEADLINE_EXCEEDED, 'ERR_API_TIMEOUT'],
  [GRPC_STATUS.UNAVAILABLE, 'ERR_API_UNAVAILABLE'],
  [GRPC_STATUS.RESOURCE_EXHAUSTED, 'ERR_API_LIMIT'],
]);

/** The error that a call ended with. */
export function statusError(status: number, message: string): ApiError {
  const error = remoteError(message);
  const code = CODE_OF_STATUS.get(status);
  return error.remoteCode === undefined && code !== undefined
    ? new ApiError(code, `${error.message} (gRPC status ${status})`)
    : error;
}

/** What a server ends a failed call with. */
export function statusDetails(error: unknown): { readonly code: number; readonly details: string } {
  return { code: statusOf(error), details: errorText(error) };
}
