import { CmcError } from '@cmc/bytes';

/**
 * Why something was not published.
 *
 * - `ERR_PUBLISH_PROVER`: the result names no prover; nothing is published then.
 * - `ERR_PUBLISH_RESULT`: the result cannot be encoded.
 * - `ERR_PUBLISH_CREDENTIALS`: token, certificate or key cannot be read or are none.
 * - `ERR_PUBLISH_FILE`: the file cannot be written.
 * - `ERR_PUBLISH_UNAVAILABLE`: no answer of the server: no connection, not trusted, connection broken.
 * - `ERR_PUBLISH_TIMEOUT`: no answer in time.
 * - `ERR_PUBLISH_REFUSED`: the server answered something else than 200 or 201; `status` says what.
 * - `ERR_PUBLISH_LIMIT`: more findings than are sent for one result; the first ones were.
 * - `ERR_PUBLISH_ABORTED`: the signal of the caller.
 */
export type PublishErrorCode =
  | 'ERR_PUBLISH_PROVER'
  | 'ERR_PUBLISH_RESULT'
  | 'ERR_PUBLISH_CREDENTIALS'
  | 'ERR_PUBLISH_FILE'
  | 'ERR_PUBLISH_UNAVAILABLE'
  | 'ERR_PUBLISH_TIMEOUT'
  | 'ERR_PUBLISH_REFUSED'
  | 'ERR_PUBLISH_LIMIT'
  | 'ERR_PUBLISH_ABORTED';

export interface PublishErrorOptions extends ErrorOptions {
  /** HTTP status of the server, when it answered. */
  readonly status?: number;
}

/** A target did not get what it should. */
export class PublishError extends CmcError {
  override readonly name = 'PublishError';
  declare readonly code: PublishErrorCode;
  /** HTTP status of the server, when it answered. */
  readonly status?: number;

  constructor(code: PublishErrorCode, message: string, options: PublishErrorOptions = {}) {
    super(code, message, options);
    if (options.status !== undefined) this.status = options.status;
  }
}
