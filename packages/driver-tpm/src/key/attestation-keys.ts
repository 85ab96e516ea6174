import { mkdir } from 'node:fs/promises';
import type { WaitOptions } from '@cmc/attestationreport';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { abortable, equalBytes, type Logger } from '@cmc/bytes';
import { isTpmResponse } from 'tpm2-ts';
import { decodeTpmtPublic } from 'tpm2-ts/verify';
import type { TpmAccess } from '../device/tpm-access.ts';
import { TpmDriverError } from '../errors.ts';
import {
  type AttestationKeyAlgorithm,
  createAttestationKey,
  loadKey,
  publicKeyOf,
} from './attestation-key.ts';
import { type AttestationKeyEndorser, attestationKeyRequest } from './endorser.ts';
import type { KeyBlob } from './key-blob.ts';
import { type Chain, type KeyFiles, openKeyFiles } from './key-files.ts';

/** An attestation key with its certificates. */
export interface EndorsedKey {
  readonly key: KeyBlob;
  readonly chain: Chain;
}

export interface AttestationKeysOptions {
  readonly access: TpmAccess;
  readonly algorithm: AttestationKeyAlgorithm;
  readonly endorser?: AttestationKeyEndorser;
  readonly storage?: string;
  readonly now: () => Date;
  readonly logger: Logger;
}

/** Part of the life of a certificate after which another is got. */
const RENEW_AFTER = 2 / 3;
/** Time between attempts. */
const RENEWAL_PAUSE_MS = 15 * 60_000;

/** The attestation key of this computer: the one that is kept, else a new one. */
export class AttestationKeys {
  readonly #options: AttestationKeysOptions;
  readonly #files: KeyFiles | undefined;
  #current: EndorsedKey | undefined;
  #next: KeyBlob | undefined;
  /** When a renewal was begun, ms since 1970. */
  #lastRenewal = 0;
  /** The one enrolment that is under way: whoever comes meanwhile waits for it. */
  #underWay: Promise<EndorsedKey> | undefined;

  constructor(options: AttestationKeysOptions) {
    this.#options = options;
    this.#files = options.storage === undefined ? undefined : openKeyFiles(options.storage);
  }

  /** A key whose certificate is valid now. */
  async get(options: WaitOptions = {}): Promise<EndorsedKey> {
    const current = this.#current;
    if (current !== undefined && this.#isValid(current.chain)) {
      this.#renewInTime(current.chain);
      return current;
    }
    return await this.#once(async () => (await this.#stored()) ?? (await this.#enroll()), options);
  }

  /** Gets new certificates for the key. As long as there are none, the ones before stay. */
  async renew(options: WaitOptions = {}): Promise<void> {
    await this.#once(async () => await this.#enroll(), options);
  }

  /**
   * Begins to renew when most of the certificate's life is over: reports go on with the
   * one that is there, also while nobody certifies another.
   */
  #renewInTime([leaf]: Chain): void {
    const { now, endorser, logger } = this.#options;
    if (leaf === undefined || endorser === undefined || now() < renewalOf(leaf)) return;
    const isPausing = now().getTime() < this.#lastRenewal + RENEWAL_PAUSE_MS;
    if (this.#underWay !== undefined || isPausing) return;
    this.#lastRenewal = now().getTime();
    this.renew().catch((error: unknown) => {
      logger.error({ error }, 'cannot renew the certificate of the attestation key');
    });
  }

  async #once(work: () => Promise<EndorsedKey>, options: WaitOptions): Promise<EndorsedKey> {
    this.#underWay ??= work()
      .then((endorsed) => {
        this.#current = endorsed;
        return endorsed;
      })
      .finally(() => {
        this.#underWay = undefined;
      });
    return await abortable(this.#underWay, options.signal);
  }

  /** What is kept, if it can be used: it fits the settings, and this is its TPM. */
  async #stored(): Promise<EndorsedKey | undefined> {
    const { logger } = this.#options;
    const stored = await this.#files?.read();
    if (stored === undefined) return undefined;
    const { key, chain } = stored;
    if (chain === undefined || !this.#isValid(chain)) {
      logger.warn({}, 'the attestation key has no valid certificate');
      return undefined;
    }
    return (await this.#isUsable(key)) ? { key, chain } : undefined;
  }

  async #enroll(): Promise<EndorsedKey> {
    const { access, endorser, storage, logger } = this.#options;
    if (endorser === undefined) {
      throw new TpmDriverError(
        'ERR_TPM_DRIVER_CERTIFICATE',
        'the attestation key has no certificate, and nobody is configured to give one',
      );
    }
    if (storage !== undefined) await mkdir(storage, { recursive: true, mode: 0o700 });
    const key = await this.#nextKey();
    const chain = await endorser.endorse(attestationKeyRequest(access, key, logger));
    checkChain(chain, key);
    await this.#files?.publish(chain);
    this.#next = undefined;
    logger.info({}, 'the attestation key has new certificates');
    return { key, chain };
  }

  /**
   * The key to be certified. A new one is kept until it is: the endorser may have given the
   * certificate already, in exchange for a token that is spent by then. One that has been in use
   * stays: servers know the device by it, and refuse another.
   */
  async #nextKey(): Promise<KeyBlob> {
    const { access, algorithm } = this.#options;
    // Reading also settles what is kept on disk, before it is replaced.
    const used = (await this.#files?.read())?.key ?? this.#current?.key;
    const begun = this.#next ?? (await this.#files?.readNext());
    const key =
      (await this.#firstUsable([begun, used])) ?? (await createAttestationKey(access, algorithm));
    await this.#files?.writeNext(key);
    this.#next = key;
    return key;
  }

  async #firstUsable(keys: readonly (KeyBlob | undefined)[]): Promise<KeyBlob | undefined> {
    for (const key of keys) {
      if (key !== undefined && (await this.#isUsable(key))) return key;
    }
    return undefined;
  }

  async #isUsable(key: KeyBlob): Promise<boolean> {
    const { access, algorithm, logger } = this.#options;
    const { type } = decodeTpmtPublic(key.publicArea);
    if ((type === 'ECC') !== (algorithm === 'EC256')) {
      logger.warn({ algorithm }, 'the stored attestation key is of another kind than configured');
      return false;
    }
    try {
      await access.use(async (tpm, wait) => await (await loadKey(tpm, key, wait)).flush());
      return true;
    } catch (error) {
      // Protected by another storage root key: another TPM, or one that was cleared.
      if (!isTpmResponse(error, 'INTEGRITY')) throw error;
      logger.warn({}, 'the stored attestation key is not of this TPM');
      return false;
    }
  }

  #isValid([leaf]: Chain): boolean {
    return leaf !== undefined && parseCertificate(leaf).notAfter > this.#options.now();
  }
}

function renewalOf(leaf: Uint8Array): Date {
  const { notBefore, notAfter } = parseCertificate(leaf);
  const life = notAfter.getTime() - notBefore.getTime();
  return new Date(notBefore.getTime() + life * RENEW_AFTER);
}

function checkChain([leaf]: Chain, key: KeyBlob): void {
  const certificate = leaf === undefined ? undefined : parseCertificate(leaf);
  if (certificate !== undefined && equalBytes(certificate.spki, publicKeyOf(key))) return;
  const message = 'the first certificate that the endorser gave is not for the attestation key';
  throw new TpmDriverError('ERR_TPM_DRIVER_CERTIFICATE', message);
}
