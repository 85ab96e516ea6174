import { AttestedTlsError, type HandshakePhase } from './errors.ts';

/**
 * Deadlines, in milliseconds. Where they are longer than `cmcMs` of the peer, a peer whose daemon
 * hangs has the time to say so before it is given up as silent.
 */
export interface AttestationTimeouts {
  /** TCP connection and TLS handshake. Default 10,000. */
  readonly tlsMs?: number;
  /** Until the peer's Request has come. Default 15,000. */
  readonly requestMs?: number;
  /** Until the peer's report, which it makes in this time, has come. Default 20,000. */
  readonly attestMs?: number;
  /** Until the peer's Complete has come; it judges the own report before. Default 20,000. */
  readonly completeMs?: number;
  /** One call of the own daemon. Default 10,000. */
  readonly cmcMs?: number;
  /** From the beginning to the end of everything. Default 45,000. */
  readonly totalMs?: number;
}

/** All deadlines, checked. */
export type ResolvedTimeouts = Required<AttestationTimeouts>;

const DEFAULTS: ResolvedTimeouts = Object.freeze({
  tlsMs: 10_000,
  requestMs: 15_000,
  attestMs: 20_000,
  completeMs: 20_000,
  cmcMs: 10_000,
  totalMs: 45_000,
});
/** Longest time that a timer of Node can wait. */
const MAX_MS = 2 ** 31 - 1;

/** Deadlines with defaults. @throws {RangeError} one is no duration that a timer can wait */
export function resolveTimeouts(timeouts: AttestationTimeouts = {}): ResolvedTimeouts {
  const resolved = { ...DEFAULTS, ...timeouts };
  for (const [name, value] of Object.entries(resolved)) {
    if (!(value > 0 && value <= MAX_MS)) {
      throw new RangeError(`timeouts.${name}: expected 1 to ${MAX_MS} milliseconds, got ${value}`);
    }
  }
  return resolved;
}

/** Everything that can end a handshake before its time comes together in one signal. */
export class HandshakeTimer {
  readonly #controller = new AbortController();
  readonly #timeouts: ResolvedTimeouts;
  readonly #onProgress: () => void;
  readonly #total: NodeJS.Timeout;
  #waiting: NodeJS.Timeout | undefined;
  #phase: HandshakePhase = 'tls';

  /** @param onProgress is called at the beginning of each phase */
  constructor(timeouts: ResolvedTimeouts, onProgress: () => void = () => {}) {
    this.#timeouts = timeouts;
    this.#onProgress = onProgress;
    this.#total = this.#failAfter(
      timeouts.totalMs,
      () => `the handshake did not end within ${timeouts.totalMs} ms (phase ${this.#phase})`,
    );
  }

  /** Aborted when the handshake must end; the reason is the error. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get phase(): HandshakePhase {
    return this.#phase;
  }

  /** Deadline of one call of the own daemon, in milliseconds. */
  get cmcMs(): number {
    return this.#timeouts.cmcMs;
  }

  /** Begins a phase, and its deadline for the peer. In `verify` nobody waits for the peer. */
  enter(phase: HandshakePhase): void {
    clearTimeout(this.#waiting);
    this.signal.throwIfAborted();
    this.#phase = phase;
    this.#onProgress();
    if (phase === 'verify') return;
    const ms = this.#timeouts[`${phase}Ms`];
    this.#waiting = this.#failAfter(
      ms,
      () => `the peer did not get through phase ${phase} within ${ms} ms`,
    );
  }

  /** Ends the handshake with `error`, unless it was ended before. */
  fail(error: Error): void {
    this.stop();
    this.#controller.abort(error);
  }

  /** No deadline runs any more. */
  stop(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#waiting);
  }

  #failAfter(ms: number, message: () => string): NodeJS.Timeout {
    return setTimeout(() => {
      this.fail(new AttestedTlsError('ERR_ATLS_TIMEOUT', message(), { phase: this.#phase }));
    }, ms);
  }
}
