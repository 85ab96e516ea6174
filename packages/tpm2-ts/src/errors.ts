import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong with a TPM, other than bytes that are no structure (`DecodeError`).
 *
 * - `ERR_TPM_RESPONSE`: the TPM answered with a response code; `responseCode` is the number, and
 *   the message says what it means.
 * - `ERR_TPM_TRANSPORT`: the TPM cannot be reached, or the connection broke.
 * - `ERR_TPM_TIMEOUT`: no answer before the deadline.
 * - `ERR_TPM_AUTH`: the answer does not carry the authorisation that its session demands.
 * - `ERR_TPM_UNSUPPORTED`: a key, algorithm or structure that this library cannot use.
 */
export type TpmErrorCode =
  | 'ERR_TPM_RESPONSE'
  | 'ERR_TPM_TRANSPORT'
  | 'ERR_TPM_TIMEOUT'
  | 'ERR_TPM_AUTH'
  | 'ERR_TPM_UNSUPPORTED';

export interface TpmErrorOptions extends ErrorOptions {
  readonly responseCode?: number;
}

export class TpmError extends CmcError {
  override readonly name = 'TpmError';
  declare readonly code: TpmErrorCode;
  /** TPM_RC, with `ERR_TPM_RESPONSE`. */
  readonly responseCode?: number;

  constructor(code: TpmErrorCode, message: string, options: TpmErrorOptions = {}) {
    super(code, message, options);
    if (options.responseCode !== undefined) this.responseCode = options.responseCode;
  }
}
