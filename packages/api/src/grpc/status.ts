import { CmcError, DecodeError } from '@cmc/bytes';
import { ApiError, type ApiErrorCode, errorText, remoteError } from '../errors.ts';

/** Status codes of gRPC that are used here. */
export const GRPC_STATUS = {
  OK: 0,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** How a call ends. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

/** Ends a call with a status of its own. */
export class GrpcStatusError extends Error {
  override readonly name = 'GrpcStatusError';
  readonly status: GrpcStatus;

  constructor(code: number, message: string) {
    super(message);
    this.status = { code, message };
  }
}

/** Status for `error`, with a text that a client of ours restores the code from. */
export function toStatus(error: unknown): GrpcStatus {
  if (error instanceof GrpcStatusError) return error.status;
  return { code: statusCode(error), message: errorText(error) };
}

/** The reference has UNKNOWN for everything; so do codes without a rule here. */
function statusCode(error: unknown): number {
  if (!(error instanceof CmcError)) return GRPC_STATUS.INTERNAL;
  if (error instanceof DecodeError) return GRPC_STATUS.INVALID_ARGUMENT;
  switch (error.code) {
    case 'ERR_API_REQUEST':
    case 'ERR_API_VERSION':
    case 'ERR_API_PROTOCOL':
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
export function statusError({ code, message }: GrpcStatus): ApiError {
  const error = remoteError(message);
  const apiCode = CODE_OF_STATUS.get(code);
  return error.remoteCode === undefined && apiCode !== undefined
    ? new ApiError(apiCode, `${error.message} (gRPC status ${code})`)
    : error;
}

/** `grpc-message`: percent-encoded UTF-8. */
export function encodeGrpcMessage(text: string): string {
  return encodeURI(text);
}

/** Text of a percent-encoded `grpc-message`; what is not encoded properly stays as it is. */
export function decodeGrpcMessage(text: string): string {
  const binary = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(binary, 'latin1').toString('utf8');
}

const MAX_TIMEOUT_DIGITS = 8;

/** `grpc-timeout`: at most eight digits and a unit. */
export function encodeTimeout(ms: number): string {
  const text = String(Math.ceil(ms));
  return text.length <= MAX_TIMEOUT_DIGITS ? `${text}m` : `${Math.ceil(ms / 1000)}S`;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds of a `grpc-timeout`; `undefined` when it is none. */
export function decodeTimeout(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
}
