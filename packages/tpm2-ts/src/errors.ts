import { CmcError } from '@cmc/bytes';
import type { ResponseCode } from './command/response-code.ts';

/**
 * What can go wrong with a TPM, other than bytes that are no structure (`DecodeError`).
 *
 * - `ERR_TPM_RESPONSE`: the TPM refused a command; `response` says why and what it means.
 * - `ERR_TPM_TRANSPORT`: the TPM cannot be reached, the connection broke or was closed.
 * - `ERR_TPM_TIMEOUT`: no answer before the deadline.
 * - `ERR_TPM_SESSION`: the answer does not carry the authorisation that its session demands:
 *   somebody between here and the TPM changed it.
 */
export type TpmErrorCode =
  | 'ERR_TPM_RESPONSE'
  | 'ERR_TPM_TRANSPORT'
  | 'ERR_TPM_TIMEOUT'
  | 'ERR_TPM_SESSION';

export interface TpmErrorOptions extends ErrorOptions {
  readonly response?: ResponseCode;
}

export class TpmError extends CmcError {
  override readonly name = 'TpmError';
  declare readonly code: TpmErrorCode;
  /** With `ERR_TPM_RESPONSE`. */
  readonly response?: ResponseCode;

  constructor(code: TpmErrorCode, message: string, options: TpmErrorOptions = {}) {
    super(code, message, options);
    if (options.response !== undefined) this.response = options.response;
  }
}

/** Whether the TPM refused a command with the response code called `name` (`OBJECT_MEMORY`). */
export function isTpmResponse(error: unknown, name: string): error is TpmError {
  return error instanceof TpmError && error.response?.name === name;
}
