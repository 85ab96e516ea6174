import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong between a client and a daemon.
 *
 * - `ERR_API_REMOTE`: the other side answered with an error; see {@link ApiError.remoteCode}.
 * - `ERR_API_UNAVAILABLE`: nobody answers at the address, or the connection broke.
 * - `ERR_API_TIMEOUT`: no complete answer (server: no complete request) before the deadline.
 * - `ERR_API_PROTOCOL`: the other side does not follow the protocol.
 * - `ERR_API_REQUEST`: a field of a request is missing, too long or malformed; the message names it.
 * - `ERR_API_LIMIT`: a message, or the number of calls, is beyond a limit.
 * - `ERR_API_VERSION`: the other side speaks another version of the API.
 * - `ERR_API_ADDRESS`: an address that cannot be parsed, is in use, or that may not be listened on.
 * - `ERR_API_INTERNAL`: a defect in the server; its log has the details.
 */
export type ApiErrorCode =
  | 'ERR_API_REMOTE'
  | 'ERR_API_UNAVAILABLE'
  | 'ERR_API_TIMEOUT'
  | 'ERR_API_PROTOCOL'
  | 'ERR_API_REQUEST'
  | 'ERR_API_LIMIT'
  | 'ERR_API_VERSION'
  | 'ERR_API_ADDRESS'
  | 'ERR_API_INTERNAL';

export interface ApiErrorOptions extends ErrorOptions {
  /** Code that the other side named, when its text starts with one. */
  readonly remoteCode?: string;
}

/** A call over gRPC, CoAP or a socket failed. */
export class ApiError extends CmcError {
  override readonly name = 'ApiError';
  declare readonly code: ApiErrorCode;
  /** Code of the error on the other side (`ERR_…`); only with `ERR_API_REMOTE`. */
  readonly remoteCode?: string;

  constructor(code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(code, message, options);
    if (options.remoteCode !== undefined) this.remoteCode = options.remoteCode;
  }
}

/** Longest error text that is sent or taken over from the other side, in UTF-16 units. */
export const MAX_ERROR_TEXT = 1024;

/**
 * Text of `error` for the other side: `${code}: ${message}`. Errors without a code are defects of
 * this side; their text may hold anything and stays here.
 */
export function errorText(error: unknown): string {
  const text =
    error instanceof CmcError
      ? `${error.code}: ${error.message}`
      : 'ERR_API_INTERNAL: the daemon failed, its log says why';
  // Half a surrogate pair cannot be encoded.
  return text.slice(0, MAX_ERROR_TEXT).replace(/\p{Cs}/gu, '\ufffd');
}

/** The error that {@link errorText} on the other side described. */
export function remoteError(text: string): ApiError {
  const shown = printable(text.slice(0, MAX_ERROR_TEXT));
  const remoteCode = /^(ERR_[A-Z0-9_]{1,60}): /.exec(shown)?.[1];
  return new ApiError('ERR_API_REMOTE', shown === '' ? 'the daemon gave no reason' : shown, {
    ...(remoteCode === undefined ? {} : { remoteCode }),
  });
}

/** The text comes from another process and ends up in terminals and logs. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
