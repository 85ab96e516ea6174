import type { WaitOptions } from '@cmc/attestationreport';

/** Bytes that a report carries for the guest. */
export const REPORT_DATA_BYTES = 64;

/** A report as the guest got it. */
export interface RawReport {
  /** ATTESTATION_REPORT, 1184 bytes. */
  readonly report: Uint8Array;
  /** The certificate table that the host added; empty when there is none. */
  readonly certificates: Uint8Array;
}

/** One way to get reports from the secure processor. */
export interface ReportSource {
  /** `configfs-tsm` or `sev-guest`. */
  readonly name: string;
  /**
   * A report over 64 bytes, at a privilege level.
   * @throws {SnpDriverError} ERR_SNP_UNAVAILABLE, ERR_SNP_FIRMWARE, ERR_SNP_REPORT
   */
  report(reportData: Uint8Array, vmpl: number, options?: WaitOptions): Promise<RawReport>;
}
