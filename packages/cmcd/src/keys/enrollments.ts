import { randomUUID } from 'node:crypto';
import type { TlsKeyConfig } from '@cmc/api';
import type { WaitOptions } from '@cmc/attestationreport';
import { abortable, type Logger } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { type Chain, enrollKey } from './enroll-key.ts';
import type { Enroller, MakeReport } from './enroller.ts';
import { enrollmentFailure, retryPause } from './enrollment-failure.ts';
import type { KeyStore } from './key-store.ts';
import { createLimiter } from './limiter.ts';
import type { TlsKey, TlsKeys } from './tls-key.ts';

/** Enrolments at the same time, each with a key to make and a report. */
const MAX_RUNNING = 8;
const MAX_WAITING = 256;

export interface EnrollmentsOptions {
  readonly store: KeyStore;
  readonly tlsKeys: TlsKeys;
  readonly enroller: Enroller;
  readonly report: MakeReport;
  /** Ends all of them; those of a store on disk go on with the next start. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly logger: Logger;
  /** Whether there may be one more key. @throws {CmcdError} ERR_KEY_LIMIT */
  readonly assertSpace: () => void;
  readonly onEnrolled: (id: string, chain: Chain) => void;
}

/** An enrolment whose key was made before this process began. */
export interface BegunEnrollment {
  readonly id: string;
  readonly config: TlsKeyConfig;
  readonly key: TlsKey;
}

interface Enrollment {
  readonly id: string;
  readonly config: TlsKeyConfig;
  key?: TlsKey;
  /** Whether somebody waits for the id. */
  claimed: boolean;
  /** Whether the server may have issued a certificate for it. */
  mayBeIssued: boolean;
  enrolled: boolean;
  failures: number;
  running?: Promise<void>;
  timer?: NodeJS.Timeout;
}

/**
 * Keys on their way to a certificate. An enrolment outlives the call that began it, and the process:
 * whoever asks for the same again gets the key of the call that nobody was answered.
 */
export class Enrollments {
  readonly #options: EnrollmentsOptions;
  readonly #unfinished = new Map<string, Enrollment>();
  /** Enrolled, and nobody knows their ids. */
  readonly #unclaimed = new Map<string, TlsKeyConfig>();
  readonly #limit = createLimiter({ running: MAX_RUNNING, waiting: MAX_WAITING });

  constructor(options: EnrollmentsOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => {
      for (const { timer } of this.#unfinished.values()) clearTimeout(timer);
    });
  }

  /** Keys that have no certificate yet. */
  get size(): number {
    return this.#unfinished.size;
  }

  /** Goes on with what the process before had to leave. */
  resume(enrollments: readonly BegunEnrollment[]): void {
    for (const begun of enrollments) {
      const state = { claimed: false, mayBeIssued: true, enrolled: false, failures: 0 };
      const enrollment = { ...begun, ...state };
      this.#unfinished.set(begun.id, enrollment);
      void this.#run(enrollment).catch(() => {});
    }
  }

  /** Keys whose ids nobody was told. */
  offer(id: string, config: TlsKeyConfig): void {
    this.#unclaimed.set(id, config);
  }

  /** The id of a key for which a certificate was obtained. */
  async create(config: TlsKeyConfig, { signal }: WaitOptions): Promise<string> {
    const found = this.#takeUnclaimed(config);
    if (found !== undefined) {
      await this.#options.store.claim(found);
      return found;
    }
    const enrollment = this.#takeUnfinished(config) ?? this.#add(config);
    try {
      await abortable(this.#run(enrollment), signal);
      signal?.throwIfAborted();
    } catch (error) {
      enrollment.claimed = false;
      if (enrollment.enrolled) this.offer(enrollment.id, config);
      throw error;
    }
    await this.#options.store.claim(enrollment.id);
    return enrollment.id;
  }

  #takeUnclaimed(config: TlsKeyConfig): string | undefined {
    const [id] = [...this.#unclaimed].find(([, other]) => isSame(other, config)) ?? [];
    if (id !== undefined) this.#unclaimed.delete(id);
    return id;
  }

  #takeUnfinished(config: TlsKeyConfig): Enrollment | undefined {
    const enrollment = [...this.#unfinished.values()].find(
      (other) => !other.claimed && isSame(other.config, config),
    );
    if (enrollment !== undefined) enrollment.claimed = true;
    return enrollment;
  }

  #add(config: TlsKeyConfig): Enrollment {
    this.#options.assertSpace();
    const state = { claimed: true, mayBeIssued: false, enrolled: false, failures: 0 };
    const enrollment = { id: randomUUID(), config, ...state };
    this.#unfinished.set(enrollment.id, enrollment);
    return enrollment;
  }

  async #run(enrollment: Enrollment): Promise<void> {
    clearTimeout(enrollment.timer);
    enrollment.running ??= this.#limit(() => this.#enroll(enrollment))
      .catch((error: unknown) => this.#fail(enrollment, error))
      .finally(() => {
        delete enrollment.running;
      });
    await enrollment.running;
  }

  async #enroll(enrollment: Enrollment): Promise<void> {
    const { enroller, report, now, signal, store, onEnrolled } = this.#options;
    const { id, config } = enrollment;
    signal.throwIfAborted();
    enrollment.key ??= await this.#makeKey(enrollment);
    const { key } = enrollment;
    const chain = await enrollKey({
      enroller,
      key: await key.proof({ signal }),
      signer: key.signer,
      config,
      report,
      now,
      signal,
    });
    enrollment.mayBeIssued = true;
    await store.publish(id, chain.pem.join(''));
    this.#unfinished.delete(id);
    enrollment.enrolled = true;
    if (!enrollment.claimed) this.offer(id, config);
    onEnrolled(id, chain);
  }

  /** The key is on disk before anybody else hears of it. */
  async #makeKey({ id, config }: Enrollment): Promise<TlsKey> {
    const { store, tlsKeys, signal } = this.#options;
    const key = await tlsKeys.create(config, { signal });
    await store.addPending({ id, privateKey: key.text, config });
    return key;
  }

  async #fail(enrollment: Enrollment, error: unknown): Promise<never> {
    const { signal, store, logger } = this.#options;
    const { id } = enrollment;
    if (signal.aborted) {
      throw new CmcdError('ERR_CMCD_CLOSED', 'the CMC was closed in the meantime');
    }
    const failure = enrollmentFailure(error);
    if (failure === 'refused' || (failure === 'local' && !enrollment.mayBeIssued)) {
      this.#unfinished.delete(id);
      await store.discard(id);
      logger.warn({ id, error }, 'the enrolment of a TLS key failed: the key is removed');
      throw error;
    }
    enrollment.mayBeIssued = true;
    enrollment.failures++;
    const retryInMs = Math.round(retryPause(enrollment.failures));
    logger.warn({ id, error, retryInMs }, 'the enrolment of a TLS key failed, it is tried again');
    const retry = (): void => void this.#run(enrollment).catch(() => {});
    enrollment.timer = setTimeout(retry, retryInMs).unref();
    throw error;
  }
}

function isSame(one: TlsKeyConfig, other: TlsKeyConfig): boolean {
  return asText(one) === asText(other);
}

function asText({ type, alg, cn, dnsNames, ipAddresses }: TlsKeyConfig): string {
  return JSON.stringify([type, alg, cn, dnsNames, ipAddresses]);
}
