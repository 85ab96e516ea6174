import { join } from 'node:path';
import type { TlsKeyConfig } from '@cmc/api';
import type { WaitOptions } from '@cmc/attestationreport';
import { type Logger, silentLogger } from '@cmc/bytes';
import type { TpmTlsKeys } from '@cmc/driver-tpm';
import { CmcdError } from '../errors.ts';
import { diskKeyStore } from './disk-key-store.ts';
import { configOf, enrollKey } from './enroll-key.ts';
import type { Enroller, MakeReport } from './enroller.ts';
import { type BegunEnrollment, Enrollments } from './enrollments.ts';
import { type KeyStore, memoryKeyStore, type PendingKey } from './key-store.ts';
import { LoadedKeys } from './loaded-keys.ts';
import { Renewals, type RenewalsOptions, type Validity } from './renewals.ts';
import { createTlsKeys, type TlsKeys } from './tls-key.ts';
import { signForTls, type ToBeSigned } from './tls-signature.ts';

/** Keys that one key manager holds; more are refused. */
export const MAX_KEYS = 4096;

export interface KeyManagerOptions {
  /** Gets certificates for keys. */
  readonly enroller: Enroller;
  /** Makes the attestation reports that an enroller asks for. */
  readonly report: MakeReport;
  /** Ends enrolments and renewals for good. */
  readonly signal: AbortSignal;
  /** Folder of the daemon's state; keys live in `tls_key_store` below it. Without one they live in memory. */
  readonly storage?: string;
  /** Makes keys of type `tpm`. Default: there are none. */
  readonly tpmKeys?: TpmTlsKeys;
  /** Clock. Default: that of the system. */
  readonly now?: () => Date;
  /** How certificates are renewed, for tests. */
  readonly renewals?: Pick<RenewalsOptions, 'monotonicMs' | 'checkEveryMs' | 'random'>;
  readonly logger?: Logger;
}

/** How the keys are. */
export interface KeyManagerState {
  /** Keys with a certificate. */
  readonly keys: number;
  /** Keys that still wait for one. */
  readonly pending: number;
  /** When the first certificate expires, ms since 1970. */
  readonly firstExpiry: number | undefined;
  /** Attempts to renew a certificate that failed. */
  readonly renewalFailures: number;
}

/** TLS keys and their certificates, which it renews. Keys never leave it. */
export interface KeyManager {
  /**
   * UUID of a new key, for which a certificate was obtained. When the call before with the same
   * config got no answer, because it was ended or the process was, it is the key of that call.
   * @throws {CmcdError} ERR_KEY_LIMIT, ERR_KEY_BUSY; and what the enroller throws
   */
  create(config: TlsKeyConfig, options?: WaitOptions): Promise<string>;
  /**
   * Signature: ECDSA in DER, RSA as PKCS #1 v1.5 unless PSS is asked for.
   * @throws {CmcdError} ERR_KEY_UNKNOWN, ERR_KEY_DIGEST, ERR_KEY_STORE
   */
  sign(id: string, request: ToBeSigned, options?: WaitOptions): Promise<Uint8Array>;
  /**
   * Certificates, PEM, one each, leaf first.
   * @throws {CmcdError} ERR_KEY_UNKNOWN, ERR_KEY_STORE, ERR_KEY_EXPIRED
   */
  certificates(id: string): Promise<readonly string[]>;
  state(): KeyManagerState;
}

/**
 * A key manager. It goes on with enrolments that a process before could not end,
 * and renews certificates when 2/3 of their life are over.
 */
export async function createKeyManager(options: KeyManagerOptions): Promise<KeyManager> {
  const { storage, logger } = options;
  const store =
    storage === undefined
      ? memoryKeyStore()
      : await diskKeyStore(join(storage, 'tls_key_store'), logger);
  const manager = new StoringKeyManager(store, options);
  await manager.start();
  return manager;
}

class StoringKeyManager implements KeyManager {
  readonly #options: KeyManagerOptions;
  readonly #store: KeyStore;
  readonly #now: () => Date;
  readonly #logger: Logger;
  readonly #ids = new Set<string>();
  readonly #tlsKeys: TlsKeys;
  readonly #keys: LoadedKeys;
  readonly #enrollments: Enrollments;
  readonly #renewals: Renewals;

  constructor(store: KeyStore, options: KeyManagerOptions) {
    const { signal, now = (): Date => new Date(), logger = silentLogger } = options;
    this.#options = options;
    this.#store = store;
    this.#now = now;
    this.#logger = logger;
    this.#tlsKeys = createTlsKeys(options.tpmKeys);
    this.#keys = new LoadedKeys(store, this.#tlsKeys);
    this.#enrollments = new Enrollments({
      ...options,
      store,
      tlsKeys: this.#tlsKeys,
      now,
      logger,
      assertSpace: () => {
        if (this.#ids.size + this.#enrollments.size < MAX_KEYS) return;
        throw new CmcdError('ERR_KEY_LIMIT', `there are ${MAX_KEYS} TLS keys already`);
      },
      onEnrolled: (id, { leaf }) => {
        this.#ids.add(id);
        this.#renewals.watch(id, leaf);
      },
    });
    this.#renewals = new Renewals({
      ...options.renewals,
      renew: (id) => this.#renew(id),
      signal,
      now,
      logger,
    });
  }

  async start(): Promise<void> {
    for (const { id, unclaimed } of await this.#store.list()) {
      this.#ids.add(id);
      if (unclaimed !== undefined) this.#enrollments.offer(id, unclaimed);
    }
    const pending = await this.#store.pending();
    const begun = await Promise.all(pending.map(async (key) => await this.#parsed(key)));
    this.#enrollments.resume(begun.flat());
    // Nobody waits for it: certificates are due in days.
    void this.#watchAll([...this.#ids]);
  }

  async create(config: TlsKeyConfig, options: WaitOptions = {}): Promise<string> {
    if (config.type === 'tpm' && this.#options.tpmKeys === undefined) {
      throw new CmcdError('ERR_CMCD_NOT_AVAILABLE', 'TLS keys of type tpm need driver tpm');
    }
    return await this.#enrollments.create(config, options);
  }

  async sign(id: string, request: ToBeSigned, options: WaitOptions = {}): Promise<Uint8Array> {
    const { signer } = (await this.#keys.get(id)).key;
    return await signForTls(signer, request, options);
  }

  async certificates(id: string): Promise<readonly string[]> {
    const { leaf, pem } = (await this.#keys.get(id)).chain;
    if (leaf.notAfter > this.#now()) return pem;
    throw new CmcdError(
      'ERR_KEY_EXPIRED',
      `the certificate of TLS key ${id} expired on ${leaf.notAfter.toISOString()} and could not be renewed`,
    );
  }

  state(): KeyManagerState {
    return {
      keys: this.#ids.size,
      pending: this.#enrollments.size,
      firstExpiry: this.#renewals.firstExpiry,
      renewalFailures: this.#renewals.failures,
    };
  }

  async #parsed({ id, config, privateKey }: PendingKey): Promise<readonly BegunEnrollment[]> {
    try {
      return [{ id, config, key: await this.#tlsKeys.read(privateKey) }];
    } catch (error) {
      this.#logger.error({ id, error }, 'a TLS key without certificate cannot be read');
      return [];
    }
  }

  async #watchAll(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (this.#options.signal.aborted) return;
      try {
        this.#renewals.watch(id, (await this.#keys.read(id)).chain.leaf);
      } catch (error) {
        this.#logger.warn({ id, error }, 'a TLS key cannot be used');
      }
    }
  }

  /** Another certificate for the same key and the same names. */
  async #renew(id: string): Promise<Validity> {
    const { enroller, report, signal } = this.#options;
    const loaded = await this.#keys.read(id);
    const { key, chain } = loaded;
    const renewed = await enrollKey({
      enroller,
      key: await key.proof({ signal }),
      signer: key.signer,
      config: await configOf(chain.leaf, key.kind),
      report,
      renews: chain.certificates,
      now: this.#now,
      signal,
    });
    await this.#keys.replaceChain(id, loaded, renewed);
    return renewed.leaf;
  }
}
