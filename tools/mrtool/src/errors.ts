import { CmcError } from '@cmc/bytes';

/**
 * What can be wrong with what mrtool is given.
 *
 * - `ERR_MR_FIRMWARE`: the firmware is no OVMF image with SEV metadata, or lacks what is needed.
 * - `ERR_MR_INPUT`: another file or value cannot be used.
 * - `ERR_MR_MISMATCH`: the logs of a machine do not give what its TPM says.
 */
export type MrErrorCode = 'ERR_MR_FIRMWARE' | 'ERR_MR_INPUT' | 'ERR_MR_MISMATCH';

export class MrError extends CmcError {
  override readonly name = 'MrError';
  declare readonly code: MrErrorCode;

  constructor(code: MrErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
