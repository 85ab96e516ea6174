import { join } from 'node:path';
import type {
  Collateral,
  Evidence,
  Measurer,
  PreparedMeasurement,
  Signer,
  WaitOptions,
} from '@cmc/attestationreport';
import { encodeStruct, swEvidenceSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { encodePem } from '@cmc/attestationreport/x509';
import { encodeUtf8 } from '@cmc/bytes';
import type { ContainerLog } from '../container-log/container-log.ts';
import { aggregate } from '../container-log/event.ts';
import { softwareSigner } from '../key/software-signer.ts';
import { createAttestationKey, loadOrCreateKey, replaceKey } from './key-file.ts';

const TYPE = 'SW Evidence';
const KEY_FILE = 'sw_ak_private.key';

export interface SwDriverOptions {
  /** What it attests to. */
  readonly containerLog: ContainerLog;
  /** Folder with the attestation key; made when missing. Default: a new key that is only in memory. */
  readonly storage?: string;
}

/** A {@link Measurer} over the container log, whose evidence a software key signs. */
export interface SwDriver extends Measurer {
  /** Replaces the attestation key by a new one. Snapshots that were taken keep the one before. */
  updateCerts(options?: WaitOptions): Promise<void>;
}

/**
 * The software driver. It proves that the report was made by the holder of a key that nothing
 * vouches for: what it says is worth as much as the hardware evidence in the same report.
 * @throws {SoftwareDriverError} ERR_SOFTWARE_KEY_FORMAT, ERR_SOFTWARE_KEY_UNSUPPORTED
 */
export async function createSwDriver(options: SwDriverOptions): Promise<SwDriver> {
  const { containerLog, storage } = options;
  const keyFile = storage === undefined ? undefined : join(storage, KEY_FILE);
  const first = keyFile === undefined ? createAttestationKey() : loadOrCreateKey(keyFile);
  return new SoftwareDriver(containerLog, keyFile, softwareSigner({ privateKey: await first }));
}

class SoftwareDriver implements SwDriver {
  readonly name = 'sw';
  readonly #containerLog: ContainerLog;
  readonly #keyFile: string | undefined;
  #signer: Signer;
  #lastUpdate: Promise<void> = Promise.resolve();

  constructor(containerLog: ContainerLog, keyFile: string | undefined, signer: Signer) {
    this.#containerLog = containerLog;
    this.#keyFile = keyFile;
    this.#signer = signer;
  }

  async prepare(options: WaitOptions = {}): Promise<PreparedMeasurement> {
    const log = await this.#containerLog.read(options);
    const signer = this.#signer;
    const sha256 = aggregate(log);
    const collateral: Collateral = {
      type: TYPE,
      key: encodeUtf8(encodePem(signer.publicKey, 'PUBLIC KEY')),
      ...(log === undefined ? {} : { artifacts: [log] }),
    };
    return {
      collateral: [collateral],
      measure: async (nonce, { signal } = {}): Promise<readonly Evidence[]> => {
        signal?.throwIfAborted();
        // JSON in CBOR reports, too.
        const payload = encodeStruct(swEvidenceSchema, { nonce, sha256 }, 'json');
        // Each evidence is verified once, by whom it is for: checking it here, too, takes longer
        // than making it.
        const wait = { ...(signal === undefined ? {} : { signal }), selfCheck: false };
        return [{ type: TYPE, evidence: await signPayload(payload, [signer], 'json', wait) }];
      },
    };
  }

  async updateCerts({ signal }: WaitOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    // One after another, so that file and memory end up with the same key.
    const updated = this.#lastUpdate.then(() => this.#replaceKey());
    this.#lastUpdate = updated.catch(() => undefined);
    await updated;
  }

  async #replaceKey(): Promise<void> {
    const keyFile = this.#keyFile;
    const privateKey = await (keyFile === undefined ? createAttestationKey() : replaceKey(keyFile));
    this.#signer = softwareSigner({ privateKey });
  }
}
