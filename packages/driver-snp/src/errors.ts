import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong with the attestation reports of this guest.
 *
 * - `ERR_SNP_UNAVAILABLE`: this machine gives no reports, or not now; asking again may help.
 * - `ERR_SNP_FIRMWARE`: the firmware refused the request; `firmwareError` says why.
 * - `ERR_SNP_REPORT`: what came is no report, or not one over what was asked.
 * - `ERR_SNP_CERTIFICATE`: the host's certificates do not belong to the report.
 */
export type SnpDriverErrorCode =
  | 'ERR_SNP_UNAVAILABLE'
  | 'ERR_SNP_FIRMWARE'
  | 'ERR_SNP_REPORT'
  | 'ERR_SNP_CERTIFICATE';

export interface SnpDriverErrorOptions extends ErrorOptions {
  readonly firmwareError?: number;
}

/** There is no attestation report. */
export class SnpDriverError extends CmcError {
  override readonly name = 'SnpDriverError';
  declare readonly code: SnpDriverErrorCode;
  /** Status of the secure processor (AMD 56860, status codes), with `ERR_SNP_FIRMWARE`. */
  readonly firmwareError?: number;

  constructor(code: SnpDriverErrorCode, message: string, options: SnpDriverErrorOptions = {}) {
    super(code, message, options);
    if (options.firmwareError !== undefined) this.firmwareError = options.firmwareError;
  }
}
