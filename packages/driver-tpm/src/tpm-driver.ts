import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Artifact,
  Collateral,
  Evidence,
  Measurer,
  PreparedMeasurement,
  Signer,
  WaitOptions,
} from '@cmc/attestationreport';
import { CmcError, equalBytes, type Logger, silentLogger } from '@cmc/bytes';
import { computePcrDigest, decodeTpmsAttest, decodeTpmtSignature } from 'tpm2-ts/verify';
import type { TpmAccess } from './device/tpm-access.ts';
import { type AttestationKeyAlgorithm, loadKey } from './key/attestation-key.ts';
import { AttestationKeys, type EndorsedKey } from './key/attestation-keys.ts';
import type { AttestationKeyEndorser } from './key/endorser.ts';
import type { KeyBlob } from './key/key-blob.ts';
import { certifyTlsKey, createTlsKey, type TlsKeyAlgorithm, tlsKeySigner } from './key/tls-key.ts';
import { type ReadableContainerLog, readContainerEvents } from './log/container-events.ts';
import { readFirmwareLog } from './log/firmware-log.ts';
import { ImaLog } from './log/ima-log.ts';
import {
  type Bank,
  concatLogs,
  eventLogs,
  type LogSnapshot,
  summaries,
  unexplained,
} from './log/snapshot.ts';
import { readQuotedPcrs } from './pcr-choice.ts';

const TYPE = 'TPM Evidence';
const EVENT_LOG = '/sys/kernel/security/tpm0/binary_bios_measurements';
const IMA_LOG = '/sys/kernel/security/ima/binary_runtime_measurements';
/** How often logs and PCRs are read until they agree, and the pause in between. */
const MAX_SNAPSHOTS = 8;
const PAUSE_MS = 5;

export interface TpmDriverOptions {
  /** See {@link createTpmAccess}. */
  readonly access: TpmAccess;
  /** Gets certificates for attestation keys. Default: only one that is stored is used. */
  readonly endorser?: AttestationKeyEndorser;
  /** Folder with attestation key and certificates; made when missing. Default: memory. */
  readonly storage?: string;
  /** Kind of attestation keys that are made. Default: `EC256`. */
  readonly keyAlgorithm?: AttestationKeyAlgorithm;
  /** Bank that is quoted. Default: `SHA-256`. */
  readonly hashAlg?: Bank;
  /** PCRs that are not quoted. Default: none. */
  readonly excludePcrs?: readonly number[];
  /** Whether reports carry event logs, not only the values of PCRs. Default: true. */
  readonly measurementLogs?: boolean;
  /** What {@link measuredContainerLog} extended into a PCR. Default: nothing. */
  readonly containerLog?: ReadableContainerLog;
  /** The firmware's log. Default: that of the kernel, for the first TPM. */
  readonly eventLogPath?: string;
  /** IMA's binary list. Default: that of the kernel. */
  readonly imaLogPath?: string;
  /**
   * Whether events of signed files carry the whole entry of IMA's list, 200 (EC) to 800 (RSA 4096)
   * bytes each, so that verifiers can accept files by their signatures. Default: false.
   */
  readonly imaSignatures?: boolean;
  /** Clock. Default: that of the system. */
  readonly now?: () => Date;
  readonly logger?: Logger;
}

/** A {@link Measurer} over the PCRs of a TPM and the logs of what was extended into them. */
export interface TpmDriver extends Measurer {
  /** Gets new certificates for the attestation key. Snapshots that were taken keep the old ones. */
  updateCerts(options?: WaitOptions): Promise<void>;
  /** TLS keys in the same TPM. */
  readonly tlsKeys: TpmTlsKeys;
}

/** Makes TLS keys that never leave the TPM, and uses them. */
export interface TpmTlsKeys {
  /** @throws {TpmError} ERR_TPM_RESPONSE: this TPM has no such keys */
  create(algorithm: TlsKeyAlgorithm, options?: WaitOptions): Promise<KeyBlob>;
  /** The key, and what the attestation key in use says about it. */
  certify(
    key: KeyBlob,
    options?: WaitOptions,
  ): Promise<{ readonly key: KeyBlob; readonly attestationKey: KeyBlob }>;
  /** @throws {TpmDriverError} ERR_TPM_DRIVER_KEY */
  signer(key: KeyBlob): Signer;
}

/** A driver for a TPM 2.0. Nothing is asked for before the first measurement. */
export function createTpmDriver(options: TpmDriverOptions): TpmDriver {
  return new Driver(options);
}

/** PCRs, and the logs that give their values. */
interface Snapshot {
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly artifacts: readonly Artifact[];
}

class Driver implements TpmDriver {
  readonly name = 'tpm';
  readonly #options: TpmDriverOptions;
  readonly #access: TpmAccess;
  readonly #bank: Bank;
  readonly #logger: Logger;
  readonly #keys: AttestationKeys;
  readonly #ima: ImaLog;
  readonly tlsKeys: TpmTlsKeys;

  constructor(options: TpmDriverOptions) {
    const { access, hashAlg = 'SHA-256', keyAlgorithm = 'EC256', endorser, storage } = options;
    const { logger = silentLogger, now = (): Date => new Date() } = options;
    this.#options = options;
    this.#access = access;
    this.#bank = hashAlg;
    this.#logger = logger;
    this.#keys = new AttestationKeys({
      access,
      algorithm: keyAlgorithm,
      ...(endorser === undefined ? {} : { endorser }),
      ...(storage === undefined ? {} : { storage }),
      now,
      logger,
    });
    this.#ima = new ImaLog(options.imaLogPath ?? IMA_LOG, hashAlg, {
      signatures: options.imaSignatures ?? false,
    });
    this.tlsKeys = {
      create: async (algorithm, wait) => {
        const { key } = await this.#keys.get(wait);
        return await createTlsKey(access, algorithm, key, wait);
      },
      certify: async (key, wait) => {
        const { key: attestationKey } = await this.#keys.get(wait);
        return { key: await certifyTlsKey(access, key, attestationKey, wait), attestationKey };
      },
      signer: (key) => tlsKeySigner(access, key),
    };
  }

  async prepare(options: WaitOptions = {}): Promise<PreparedMeasurement> {
    const key = await this.#keys.get(options);
    const { pcrs, artifacts } = await this.#snapshot(options);
    const collateral: Collateral = { type: TYPE, certs: key.chain, artifacts };
    return {
      collateral: [collateral],
      measure: async (nonce, wait = {}) => [await this.#quote(nonce, key, pcrs, wait)],
    };
  }

  async updateCerts(options: WaitOptions = {}): Promise<void> {
    await this.#keys.renew(options);
  }

  async #snapshot(options: WaitOptions): Promise<Snapshot> {
    if (this.#options.measurementLogs === false) {
      const pcrs = await this.#readPcrs(options);
      return { pcrs, artifacts: summaries(pcrs, this.#bank) };
    }
    const { log, pcrs } = await this.#coherentLog(options);
    return { pcrs, artifacts: eventLogs(log, pcrs) };
  }

  /**
   * Logs and PCRs of one moment. Events come between reading the one and the other; then both are
   * read again. Where they never agree, verifiers have to be told so: what was measured is not
   * known to be in the log.
   */
  async #coherentLog(
    options: WaitOptions,
  ): Promise<{ readonly log: LogSnapshot; readonly pcrs: ReadonlyMap<number, Uint8Array> }> {
    for (let attempt = 1; ; attempt++) {
      const log = await this.#readLogs(options);
      const pcrs = await this.#readPcrs(options);
      const problem = unexplained(log, pcrs, this.#bank);
      if (problem.length === 0) return { log, pcrs };
      if (attempt === MAX_SNAPSHOTS) {
        this.#logger.warn({ pcrs: problem }, 'the logs do not give the values of all PCRs');
        return { log, pcrs };
      }
      // What was read first may be of another list than the kernel has now.
      if (attempt === MAX_SNAPSHOTS - 1) this.#ima.reset();
      const { signal } = options;
      await sleep(attempt * PAUSE_MS, undefined, signal === undefined ? {} : { signal });
    }
  }

  async #readLogs(options: WaitOptions): Promise<LogSnapshot> {
    const { eventLogPath = EVENT_LOG, containerLog } = this.#options;
    const bank = this.#bank;
    const firmware = await readFirmwareLog(eventLogPath, bank);
    const ima = await this.#ima.read();
    const containers = await readContainerEvents(containerLog, bank, options);
    return concatLogs([firmware, ima, containers], bank);
  }

  async #readPcrs(options: WaitOptions): Promise<ReadonlyMap<number, Uint8Array>> {
    const { excludePcrs = [] } = this.#options;
    return await this.#access.use(
      async (tpm, wait) => await readQuotedPcrs(tpm, this.#bank, excludePcrs, wait),
      options,
    );
  }

  async #quote(
    nonce: Uint8Array,
    { key }: EndorsedKey,
    pcrs: ReadonlyMap<number, Uint8Array>,
    options: WaitOptions,
  ): Promise<Evidence> {
    const selection = [{ bank: this.#bank, pcrs: [...pcrs.keys()] }];
    const { attest, signature } = await this.#access.use(async (tpm, wait) => {
      await using ak = await loadKey(tpm, key, wait);
      return await tpm.quote(ak, { qualifyingData: nonce, pcrs: selection, ...wait });
    }, options);
    const quote = decodeTpmsAttest(attest);
    const { hash } = decodeTpmtSignature(signature);
    const expected = computePcrDigest(selection, new Map([[this.#bank, pcrs]]), hash);
    const isSame =
      quote.type === 'quote' &&
      'digest' in expected &&
      equalBytes(quote.pcrDigest, expected.digest);
    if (!isSame) {
      const message = 'a PCR was extended since the snapshot was taken';
      throw new CmcError('ERR_MEASUREMENT_STALE', message);
    }
    return { type: TYPE, evidence: attest, signature };
  }
}
