import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong in the software driver.
 *
 * - `ERR_SOFTWARE_KEY_FORMAT`: bytes are not a private key, or it is encrypted.
 * - `ERR_SOFTWARE_KEY_UNSUPPORTED`: a private key is of a kind or size that is not used here.
 * - `ERR_CONTAINER_LOG_FORMAT`: a file is not a container log.
 * - `ERR_CONTAINER_LOG_EVENT`: an event lacks what a container log needs, or contradicts itself.
 * - `ERR_CONTAINER_LOG_INDEX`: an event belongs to another log.
 * - `ERR_CONTAINER_LOG_LIMIT`: a container log is full, or its file is too large.
 * - `ERR_CONTAINER_LOG_BUSY`: another process writes the log and does not finish.
 * - `ERR_ROOTFS_ENTRY`: a file system entry cannot be in an archive.
 * - `ERR_ROOTFS_CHANGED`: a file changed while it was hashed.
 * - `ERR_ROOTFS_CAPABILITIES`: file capabilities cannot be read.
 */
export type SoftwareDriverErrorCode =
  | 'ERR_SOFTWARE_KEY_FORMAT'
  | 'ERR_SOFTWARE_KEY_UNSUPPORTED'
  | 'ERR_CONTAINER_LOG_FORMAT'
  | 'ERR_CONTAINER_LOG_EVENT'
  | 'ERR_CONTAINER_LOG_INDEX'
  | 'ERR_CONTAINER_LOG_LIMIT'
  | 'ERR_CONTAINER_LOG_BUSY'
  | 'ERR_ROOTFS_ENTRY'
  | 'ERR_ROOTFS_CHANGED'
  | 'ERR_ROOTFS_CAPABILITIES';

/** The software driver cannot do something; the code says why. */
export class SoftwareDriverError extends CmcError {
  override readonly name = 'SoftwareDriverError';
  declare readonly code: SoftwareDriverErrorCode;

  constructor(code: SoftwareDriverErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
