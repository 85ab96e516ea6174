import { CmcError } from '@cmc/bytes';

/**
 * What can go wrong in a CMC.
 *
 * - `ERR_CMCD_NOT_AVAILABLE`: a feature of the format that this version does not have.
 * - `ERR_CMCD_NO_DRIVER`: a report is wanted, but no driver is configured.
 * - `ERR_CMCD_NO_CONTAINER_LOG`: a measurement is to be recorded, but there is no container log.
 * - `ERR_CMCD_NO_KEYS`: a TLS key is wanted, but there is no enrolment for its certificate.
 * - `ERR_CMCD_CLOSED`: the CMC was closed in the meantime.
 * - `ERR_METADATA_LOCATION`: a location of metadata is malformed, missing or unreadable.
 * - `ERR_METADATA_UNAVAILABLE`: a server did not give the metadata; trying again may help.
 * - `ERR_METADATA_FORMAT`: what a location holds is not what was expected there.
 * - `ERR_METADATA_LIMIT`: metadata is larger or of more parts than a limit allows.
 * - `ERR_METADATA_VERSIONS`: the record of metadata versions seen cannot be read.
 * - `ERR_CMCD_TPM_CLOCKS`: the record of the clocks of TPMs cannot be read.
 * - `ERR_PEER_CACHE_PEER`: a peer id is not the hex SHA-256 of a certificate.
 * - `ERR_PEER_CACHE_DIGEST`: an item does not have the digest it is to be stored under.
 * - `ERR_KEY_UNKNOWN`: there is no TLS key of this id.
 * - `ERR_KEY_DIGEST`: digest, hash, message and scheme do not fit each other or the key.
 * - `ERR_KEY_STORE`: a stored TLS key cannot be used.
 * - `ERR_KEY_LIMIT`: there are too many TLS keys.
 * - `ERR_KEY_BUSY`: too many TLS keys wait for their enrolment; trying again may help.
 * - `ERR_KEY_EXPIRED`: the certificate of a TLS key expired and could not be renewed.
 * - `ERR_ENROLL_REQUEST`: a certificate request is malformed or not signed by its key.
 * - `ERR_ENROLL_NAME`: a certificate may not be issued for a name.
 * - `ERR_ENROLL_CA`: the CA cannot issue: wrong key, not a CA, expired.
 * - `ERR_ENROLL_RESPONSE`: what an enrolment gave is not a certificate that was asked for: another
 *   key, other names, expired, not under the CA of the server.
 */
export type CmcdErrorCode =
  | 'ERR_CMCD_NOT_AVAILABLE'
  | 'ERR_CMCD_NO_DRIVER'
  | 'ERR_CMCD_NO_CONTAINER_LOG'
  | 'ERR_CMCD_NO_KEYS'
  | 'ERR_CMCD_CLOSED'
  | 'ERR_METADATA_LOCATION'
  | 'ERR_METADATA_UNAVAILABLE'
  | 'ERR_METADATA_FORMAT'
  | 'ERR_METADATA_LIMIT'
  | 'ERR_METADATA_VERSIONS'
  | 'ERR_CMCD_TPM_CLOCKS'
  | 'ERR_PEER_CACHE_PEER'
  | 'ERR_PEER_CACHE_DIGEST'
  | 'ERR_KEY_UNKNOWN'
  | 'ERR_KEY_DIGEST'
  | 'ERR_KEY_STORE'
  | 'ERR_KEY_LIMIT'
  | 'ERR_KEY_BUSY'
  | 'ERR_KEY_EXPIRED'
  | 'ERR_ENROLL_REQUEST'
  | 'ERR_ENROLL_NAME'
  | 'ERR_ENROLL_CA'
  | 'ERR_ENROLL_RESPONSE';

/** An operation of a CMC cannot be done; the code says why. */
export class CmcdError extends CmcError {
  override readonly name = 'CmcdError';
  declare readonly code: CmcdErrorCode;

  constructor(code: CmcdErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
