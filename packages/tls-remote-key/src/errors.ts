import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong with keys that live elsewhere.
 *
 * - `ERR_REMOTE_KEY_UNAVAILABLE`: there is no addon for this platform, or it does not work here.
 * - `ERR_REMOTE_KEY_TYPE`: the public key is of a kind that TLS cannot use so.
 * - `ERR_REMOTE_KEY_REGISTERED`: the key has a signer on this thread already.
 * - `ERR_REMOTE_KEY_TIMEOUT`: the signer did not answer in time.
 * - `ERR_REMOTE_KEY_OPEN`: the signer failed a short while ago, and is not asked again yet.
 * - `ERR_REMOTE_KEY_SIGNER`: the signer cannot sign; the message has its reason.
 */
export type RemoteKeyErrorCode =
  | 'ERR_REMOTE_KEY_UNAVAILABLE'
  | 'ERR_REMOTE_KEY_TYPE'
  | 'ERR_REMOTE_KEY_REGISTERED'
  | 'ERR_REMOTE_KEY_TIMEOUT'
  | 'ERR_REMOTE_KEY_OPEN'
  | 'ERR_REMOTE_KEY_SIGNER';

export class RemoteKeyError extends CmcError {
  override readonly name = 'RemoteKeyError';
  declare readonly code: RemoteKeyErrorCode;

  constructor(code: RemoteKeyErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
