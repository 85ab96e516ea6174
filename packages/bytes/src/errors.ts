/**
 * Base of every error this workspace throws. Switch on {@link CmcError.code}, never on messages.
 * Codes are stable: `ERR_<AREA>_<WHAT>`.
 */
export class CmcError extends Error {
  override readonly name: string = 'CmcError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What can be wrong with encoded bytes. */
export type DecodeErrorCode =
  | 'ERR_DECODE_TRUNCATED'
  | 'ERR_DECODE_TRAILING'
  | 'ERR_DECODE_RESERVED'
  | 'ERR_DECODE_VALUE'
  | 'ERR_DECODE_LIMIT'
  | 'ERR_DECODE_DUPLICATE'
  | 'ERR_DECODE_NON_CANONICAL'
  | 'ERR_DECODE_TYPE'
  | 'ERR_DECODE_MISSING'
  | 'ERR_DECODE_FORMAT';

/** Input bytes are not a valid encoding: the sender's fault, never a bug of the caller. */
export class DecodeError extends CmcError {
  override readonly name = 'DecodeError';
  declare readonly code: DecodeErrorCode;
  /** Where in the structure, outermost first: `['TPMS_ATTEST', 'attested', 'pcrDigest']`. */
  readonly path: readonly string[];
  /** Byte offset from the start of the outermost input. */
  readonly offset: number;

  constructor(
    code: DecodeErrorCode,
    message: string,
    at: { readonly path: readonly string[]; readonly offset: number },
    options?: ErrorOptions,
  ) {
    super(code, `${at.path.join('.')}@0x${at.offset.toString(16)}: ${message}`, options);
    this.path = at.path;
    this.offset = at.offset;
  }
}
