import type { HashName } from '@cmc/bytes/hash';

/** How a log is laid out. */
export type EventLogKind = 'sha1' | 'crypto-agile' | 'ccel';

/** A digest algorithm that the Spec ID event declares. */
export interface LogAlgorithm {
  /** TPM_ALG_ID. */
  readonly id: number;
  /** Digest length in bytes, as declared. */
  readonly size: number;
  /** Absent for algorithms that cannot be replayed; their digests are carried along. */
  readonly bank?: HashName;
}

export interface EventDigest {
  /** TPM_ALG_ID. */
  readonly algorithm: number;
  readonly value: Uint8Array;
}

/** One record. Everything but the digests is the prover's word. */
export interface LogEvent {
  /** Position in the log, from 0. */
  readonly index: number;
  /** PCR, or the measurement register index (0 MRTD, 1-4 RTMR 0-3) in a CCEL. */
  readonly pcr: number;
  readonly type: number;
  readonly typeName: string;
  readonly digests: readonly EventDigest[];
  readonly data: Uint8Array;
  /** Where the record starts, in bytes from the start of the log. */
  readonly offset: number;
}

export interface EventLog {
  readonly kind: EventLogKind;
  readonly algorithms: readonly LogAlgorithm[];
  readonly events: readonly LogEvent[];
  /** Locality that started the TPM (0, 3 or 4): last byte of the first value of PCR 0. */
  readonly startupLocality: number;
  /** Length of the records in bytes; what follows is padding. */
  readonly length: number;
  /** Oddities that a reader may want to see; none of them changes the replay. */
  readonly warnings: readonly string[];
}

export interface ParseEventLogOptions {
  /**
   * `ccel`: a confidential computing event log, whose area is padded with 0xff or zero bytes.
   * `tcg`: a TPM log, exact to the last byte. Default: `tcg`.
   */
  readonly format?: 'tcg' | 'ccel';
  /** Default: 16 MiB. */
  readonly maxBytes?: number;
  /** Default: 65,536. */
  readonly maxEvents?: number;
  /** Longest event data, in bytes. Default: 4 MiB. */
  readonly maxEventBytes?: number;
}
