import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong in the provisioning server, other than a request that is refused.
 *
 * - `ERR_PROV_DATABASE`: the database cannot be opened or used, or is of a newer version.
 * - `ERR_PROV_CONFIG`: a setting, or a file that it names, cannot be used.
 * - `ERR_PROV_EXISTS`: what is to be made is there already.
 * - `ERR_PROV_UNKNOWN`: there is no such certificate, token or device.
 */
export type ProvErrorCode =
  | 'ERR_PROV_DATABASE'
  | 'ERR_PROV_CONFIG'
  | 'ERR_PROV_EXISTS'
  | 'ERR_PROV_UNKNOWN';

export class ProvError extends CmcError {
  override readonly name = 'ProvError';
  declare readonly code: ProvErrorCode;

  constructor(code: ProvErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
