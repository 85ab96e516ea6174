import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong in this driver, other than what the TPM refuses (`TpmError` of tpm2-ts).
 *
 * - `ERR_TPM_DRIVER_KEY`: a stored key is malformed, of another kind, or not of this TPM; or the
 *   TPM shows another endorsement key than before.
 * - `ERR_TPM_DRIVER_CERTIFICATE`: there is no certificate for the attestation key, or what the
 *   endorser gave is not for it.
 * - `ERR_TPM_DRIVER_BANK`: the TPM, or a log, has not the bank that is to be quoted.
 * - `ERR_TPM_DRIVER_LOG`: a measurement log is malformed or longer than is accepted.
 * - `ERR_TPM_DRIVER_RESTRICTED`: an attestation key signs only what its TPM hashed.
 * - `ERR_TPM_DRIVER_SIGNATURE`: the TPM gave a signature of another form than was asked for.
 * - `ERR_TPM_DRIVER_CONTAINER_LOG`: container log and PCR do not fit each other.
 */
export type TpmDriverErrorCode =
  | 'ERR_TPM_DRIVER_KEY'
  | 'ERR_TPM_DRIVER_CERTIFICATE'
  | 'ERR_TPM_DRIVER_BANK'
  | 'ERR_TPM_DRIVER_LOG'
  | 'ERR_TPM_DRIVER_RESTRICTED'
  | 'ERR_TPM_DRIVER_SIGNATURE'
  | 'ERR_TPM_DRIVER_CONTAINER_LOG';

export class TpmDriverError extends CmcError {
  override readonly name = 'TpmDriverError';
  declare readonly code: TpmDriverErrorCode;

  constructor(code: TpmDriverErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
