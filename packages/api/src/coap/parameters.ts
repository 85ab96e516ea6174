/** When confirmable messages are sent again, RFC 7252 section 4.8. */
export interface TransmissionParameters {
  /** Shortest time to the first retransmission. Default 2000. */
  readonly ackTimeoutMs: number;
  /** The first time is random between 1 and this times `ackTimeoutMs`; it doubles each time. Default 1.5. */
  readonly ackRandomFactor: number;
  /** Retransmissions before giving up. Default 4. */
  readonly maxRetransmit: number;
}

export const DEFAULT_TRANSMISSION: TransmissionParameters = Object.freeze({
  ackTimeoutMs: 2_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
});

/** Confirmable messages to all peers that are not acknowledged yet; more are not sent. */
export const MAX_OUTSTANDING = 1_024;

/** Time in which a message id may still belong to a duplicate (RFC 7252, 4.8.2). */
export const EXCHANGE_LIFETIME_MS = 247_000;

/** Messages and bytes of their replies that are remembered to recognise duplicates. */
export const MAX_RECENT_MESSAGES = 16_384;
export const MAX_RECENT_BYTES: number = 8 * 1024 * 1024;

/**
 * Time in which a response still travels in the acknowledgement. Shorter than the ACK timeout of
 * any client, and as long as that allows: some clients fetch only the first block of a response
 * that comes separately.
 */
export const PIGGYBACK_MS = 1_500;

/** Time after which a transfer that does not move on is forgotten. */
export const TRANSFER_IDLE_MS = 30_000;

/**
 * Unfinished block-wise transfers of all peers, of one peer, and the bytes that they hold; each for
 * requests and for responses.
 */
export const MAX_TRANSFERS = 1_024;
export const MAX_TRANSFERS_PER_PEER = 4;
export const MAX_TRANSFER_BYTES: number = 64 * 1024 * 1024;

/** Bytes of all requests whose calls are running; calls beyond it are refused. */
export const MAX_CALL_BYTES: number = 64 * 1024 * 1024;

/** Longest error text, so that it fits one datagram. */
export const MAX_DIAGNOSTIC_BYTES = 1_024;
