import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Collateral,
  Evidence,
  Measurer,
  PreparedMeasurement,
  WaitOptions,
} from '@cmc/attestationreport';
import { parseSnpReport, type SnpReport } from '@cmc/attestationreport/snp';
import {
  abortable,
  CmcError,
  concatBytes,
  equalBytes,
  type Logger,
  silentLogger,
} from '@cmc/bytes';
import { belongs, certificateChain, type Endorser, type SnpChain } from './certificate-chain.ts';
import { readChainFile, writeChainFile } from './chain-file.ts';
import { SnpDriverError } from './errors.ts';
import type { RawReport, ReportSource } from './report-source.ts';
import { REPORT_DATA_BYTES } from './report-source.ts';

const TYPE = 'SNP Evidence';
const CHAIN_FILE = 'snp_ak_chain.pem';
const MAX_VMPL = 3;

export interface SnpDriverOptions {
  /** See {@link openReportSource}. */
  readonly source: ReportSource;
  /**
   * Gives certificates that the host does not: `createKdsClient` of @cmc/amd-kds for AMD's service
   * or a provisioning server. Default: only those of the host are used.
   */
  readonly endorser?: Endorser;
  /** Privilege level that reports are of, 0 to 3. Default 0. */
  readonly vmpl?: number;
  /** Folder in which the certificates are kept. Default: memory. */
  readonly storage?: string;
  readonly logger?: Logger;
}

/** A {@link Measurer} over the attestation reports of this guest. */
export interface SnpDriver extends Measurer {
  /** Gets the certificates anew. */
  updateCerts(options?: WaitOptions): Promise<void>;
}

/** A driver for SEV-SNP guests. Nothing is asked for before the first measurement. */
export function createSnpDriver(options: SnpDriverOptions): SnpDriver {
  const { vmpl = 0 } = options;
  if (!Number.isInteger(vmpl) || vmpl < 0 || vmpl > MAX_VMPL) {
    throw new RangeError(`vmpl: expected 0 to ${MAX_VMPL}, got ${vmpl}`);
  }
  return new Driver(options, vmpl);
}

class Driver implements SnpDriver {
  readonly name = 'snp';
  readonly #options: SnpDriverOptions;
  readonly #vmpl: number;
  readonly #logger: Logger;
  #chain: SnpChain | undefined;
  /** The one request for certificates that is under way: whoever comes meanwhile waits for it. */
  #underWay: Promise<SnpChain> | undefined;

  constructor(options: SnpDriverOptions, vmpl: number) {
    this.#options = options;
    this.#vmpl = vmpl;
    this.#logger = options.logger ?? silentLogger;
  }

  async prepare(options: WaitOptions = {}): Promise<PreparedMeasurement> {
    const chain = this.#chain ?? (await this.#provision(options));
    const collateral: Collateral = { type: TYPE, certs: chain.map(({ raw }) => raw) };
    return {
      collateral: [collateral],
      measure: async (nonce, wait = {}) => [await this.#measure(nonce, chain, wait)],
    };
  }

  async updateCerts(options: WaitOptions = {}): Promise<void> {
    this.#chain = undefined;
    await this.#provision(options, true);
  }

  async #measure(nonce: Uint8Array, chain: SnpChain, wait: WaitOptions): Promise<Evidence> {
    const { report } = await this.#report(nonce, wait);
    const [leaf] = chain;
    if (!belongs(leaf, report)) {
      // The firmware of the host was updated while the guest runs, or the guest has moved.
      this.#chain = undefined;
      this.#logger.info({}, 'the TCB of the platform has changed: new certificates are needed');
      const message = 'the certificates of the snapshot are not for the TCB that is reported now';
      throw new CmcError('ERR_MEASUREMENT_STALE', message);
    }
    return { type: TYPE, evidence: report.raw };
  }

  /** Certificates for the reports that the platform gives now. */
  async #provision(options: WaitOptions, anew = false): Promise<SnpChain> {
    this.#underWay ??= this.#loadOrFetch(anew).finally(() => {
      this.#underWay = undefined;
    });
    return await abortable(this.#underWay, options.signal);
  }

  async #loadOrFetch(anew: boolean): Promise<SnpChain> {
    const { storage, endorser } = this.#options;
    const { report, certificates } = await this.#report(randomBytes(REPORT_DATA_BYTES), {});
    const path = storage === undefined ? undefined : join(storage, CHAIN_FILE);
    const stored = path === undefined || anew ? undefined : await readChainFile(path);
    if (stored !== undefined && belongs(stored[0], report)) {
      this.#chain = stored;
      return stored;
    }
    const chain = await certificateChain(report, certificates, endorser);
    if (path !== undefined && storage !== undefined) {
      await mkdir(storage, { recursive: true, mode: 0o700 });
      await writeChainFile(path, chain);
    }
    this.#chain = chain;
    return chain;
  }

  /** A report over `nonce`, padded with zeros to what reports carry. */
  async #report(
    nonce: Uint8Array,
    wait: WaitOptions,
  ): Promise<{ readonly report: SnpReport } & Pick<RawReport, 'certificates'>> {
    if (nonce.length === 0 || nonce.length > REPORT_DATA_BYTES) {
      throw new RangeError(`nonce: expected 1 to ${REPORT_DATA_BYTES} bytes, got ${nonce.length}`);
    }
    const padding = new Uint8Array(REPORT_DATA_BYTES - nonce.length);
    const reportData = concatBytes(nonce, padding);
    const raw = await this.#options.source.report(reportData, this.#vmpl, wait);
    const report = decode(raw.report);
    if (!equalBytes(report.reportData, reportData)) {
      throw new SnpDriverError('ERR_SNP_REPORT', 'the report is over other data than was asked');
    }
    if (report.vmpl !== this.#vmpl) {
      const message = `expected a report of VMPL ${this.#vmpl}, got VMPL ${report.vmpl}`;
      throw new SnpDriverError('ERR_SNP_REPORT', message);
    }
    return { report, certificates: raw.certificates };
  }
}

function decode(bytes: Uint8Array): SnpReport {
  try {
    return parseSnpReport(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SnpDriverError('ERR_SNP_REPORT', `not a report: ${reason}`, { cause });
  }
}
