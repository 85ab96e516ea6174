import { CmcError } from '@cmc/bytes';

/**
 * What can be wrong with what mrtool is given.
 *
 * - `ERR_MR_FIRMWARE`: the firmware is no OVMF image with SEV metadata, or lacks what is needed.
 * - `ERR_MR_INPUT`: another file or value cannot be used.
 */
export type MrErrorCode = 'ERR_MR_FIRMWARE' | 'ERR_MR_INPUT';

export class MrError extends CmcError {
  override readonly name = 'MrError';
  declare readonly code: MrErrorCode;

  constructor(code: MrErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
