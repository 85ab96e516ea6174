import type { AttestationResult } from '@cmc/attestationreport';
import { CmcError } from '@cmc/bytes';

/** Stable codes of {@link AttestedTlsError}. */
export type AttestedTlsErrorCode =
  /** The peers are configured for different attestation modes. */
  | 'ERR_ATLS_MODE_MISMATCH'
  /** The peer speaks another version of the attestation protocol. */
  | 'ERR_ATLS_VERSION'
  /** The peer was too slow, or, as `cause` of `ERR_ATLS_CMC`, the own daemon; see `phase`. */
  | 'ERR_ATLS_TIMEOUT'
  /** A frame is larger than allowed, or the server has too many unattested peers. */
  | 'ERR_ATLS_LIMIT'
  /** The peer sent what is no message of the protocol, or not the one that is due. */
  | 'ERR_ATLS_PROTOCOL'
  /** The peer's report was judged and did not pass; see `result`. */
  | 'ERR_ATLS_PEER_ATTESTATION'
  /** The peer gave up; see `reason`. */
  | 'ERR_ATLS_PEER_REPORTED'
  /** The own daemon could not be reached, was too slow or failed; see `cause`. */
  | 'ERR_ATLS_CMC'
  /** The daemon's TLS key cannot be used; see `cause`. */
  | 'ERR_ATLS_KEY'
  /** The `onResult` callback threw or rejected; see `cause`. */
  | 'ERR_ATLS_CALLBACK'
  /** `requireBinding` is set and the peer does not offer the key binding. */
  | 'ERR_ATLS_BINDING'
  /** A key proof of the peer is wrong, or a required one, of either end, is not to be had. */
  | 'ERR_ATLS_KEY_PROOF'
  /** The TLS stack gave no exporter value. */
  | 'ERR_ATLS_EXPORTER'
  /** TLS failed after its handshake, or is not what attestation needs. */
  | 'ERR_ATLS_TLS'
  /** The TLS session was resumed. */
  | 'ERR_ATLS_RESUMED'
  /** The connection ended before both sides had completed. */
  | 'ERR_ATLS_CLOSED';

/** Parts of a handshake, in their order. */
export type HandshakePhase = 'tls' | 'request' | 'attest' | 'verify' | 'complete';

export interface AttestedTlsErrorOptions extends ErrorOptions {
  readonly phase?: HandshakePhase;
  readonly result?: AttestationResult;
  readonly reason?: string;
}

/** An attested connection could not be made. */
export class AttestedTlsError extends CmcError {
  override readonly name = 'AttestedTlsError';
  declare readonly code: AttestedTlsErrorCode;
  /** Where the handshake was. */
  readonly phase?: HandshakePhase;
  /** Verdict on the peer, with `ERR_ATLS_PEER_ATTESTATION`. */
  readonly result?: AttestationResult;
  /** What the peer said, with `ERR_ATLS_PEER_REPORTED`; untrusted text without control characters. */
  readonly reason?: string;

  constructor(code: AttestedTlsErrorCode, message: string, options: AttestedTlsErrorOptions = {}) {
    super(code, message, options);
    if (options.phase !== undefined) this.phase = options.phase;
    if (options.result !== undefined) this.result = options.result;
    if (options.reason !== undefined) this.reason = options.reason;
  }
}
