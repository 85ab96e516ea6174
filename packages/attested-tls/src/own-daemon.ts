import type { Cmc } from '@cmc/api';
import type { WaitOptions } from '@cmc/attestationreport';
import type { CmcSource } from './cmc-source.ts';
import { AttestedTlsError } from './errors.ts';
import type { HandshakeTimer } from './handshake-timer.ts';

/** Calls of the own daemon during one handshake: each has a deadline and one way to fail. */
export class OwnDaemon {
  readonly #source: CmcSource | undefined;
  readonly #timer: HandshakeTimer;
  /** Ends calls: with the handshake, or when one takes too long, which the handshake may yet report. */
  readonly #calls = new AbortController();

  constructor(source: CmcSource | undefined, timer: HandshakeTimer) {
    this.#source = source;
    this.#timer = timer;
    timer.signal.addEventListener('abort', () => this.#calls.abort(timer.signal.reason));
  }

  /**
   * Answer of the daemon.
   * @throws {AttestedTlsError} ERR_ATLS_CMC whatever went wrong; the reason of the handshake's
   *   signal when that ended first
   */
  async call<T>(
    operation: string,
    invoke: (cmc: Cmc, options: WaitOptions) => Promise<T>,
  ): Promise<T> {
    const { signal, cmcMs, phase } = this.#timer;
    const calls = this.#calls;
    const timeout = setTimeout(() => {
      const message = `no answer within ${cmcMs} ms`;
      calls.abort(new AttestedTlsError('ERR_ATLS_TIMEOUT', message, { phase }));
    }, cmcMs);
    try {
      signal.throwIfAborted();
      return await raceAbort(calls.signal, async () => {
        if (this.#source === undefined) throw new Error('no daemon is configured');
        const cmc = await this.#source.get();
        calls.signal.throwIfAborted();
        return await invoke(cmc, { signal: calls.signal });
      });
    } catch (cause) {
      signal.throwIfAborted();
      const message = `the own daemon failed in ${operation}`;
      throw new AttestedTlsError('ERR_ATLS_CMC', message, { cause, phase });
    } finally {
      clearTimeout(timeout);
    }
  }
}

/** Outcome of `work`, or the reason of `signal`, even if `work` does not heed the signal. */
export function raceAbort<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work().then(resolve, reject);
  });
}
