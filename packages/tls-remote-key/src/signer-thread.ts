import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { CircuitBreaker } from './circuit-breaker.ts';
import { RemoteKeyError } from './errors.ts';
import type { BlockingSigner, SignRequest } from './sign-request.ts';

export interface SignerThreadOptions {
  /**
   * URL of a JavaScript module that the thread loads. It exports `createSigner(data)`, which returns,
   * or promises, `sign(request: SignRequest): Promise<Uint8Array>`.
   */
  readonly module: URL;
  /** Handed to `createSigner`; must be cloneable. */
  readonly data: unknown;
  /** Time for one signature, ms; the thread that wants it is blocked until then. Default 3,000. */
  readonly timeoutMs?: number;
  /** Time for which a signer that failed is not asked again, ms. Default 2,000. */
  readonly pauseMs?: number;
}

/** A thread that signs, for threads that must wait. */
export interface SignerThread extends AsyncDisposable {
  /**
   * Blocks until there is a signature.
   * @throws {RemoteKeyError} ERR_REMOTE_KEY_TIMEOUT, ERR_REMOTE_KEY_OPEN, ERR_REMOTE_KEY_SIGNER
   */
  readonly sign: BlockingSigner;
  close(): Promise<void>;
}

interface Answer {
  readonly id: number;
  readonly signature?: Uint8Array;
  /** Why there is no signature. */
  readonly reason?: string;
}

const DEFAULT_TIMEOUT_MS = 3_000;
const DEFAULT_PAUSE_MS = 2_000;

/**
 * Starts a thread that signs asynchronously, and lets this one wait for it: TLS can only be handed
 * a signature, not a promise. Does not keep the process alive.
 *
 * The signer must not depend on this thread's event loop, which stands still while it signs: a
 * daemon inside this very thread would never answer.
 */
export function startSignerThread(options: SignerThreadOptions): SignerThread {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, pauseMs = DEFAULT_PAUSE_MS } = options;
  const breaker = new CircuitBreaker(pauseMs);
  const wake = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const { port1: port, port2: theirs } = new MessageChannel();
  const worker = new Worker(new URL('../src/signer-thread.mjs', import.meta.url), {
    name: 'cmc-tls-signer',
    workerData: { module: options.module.href, data: options.data, wake, port: theirs },
    transferList: [theirs],
    execArgv: [],
  });
  worker.unref();
  port.unref();
  let gone: string | undefined;
  worker.on('error', (error) => {
    gone = error.message;
  });
  worker.on('exit', () => {
    gone ??= 'its thread ended';
  });
  let lastId = 0;

  function waitFor(id: number): Answer {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const seen = Atomics.load(wake, 0);
      for (let next = receiveMessageOnPort(port); next !== undefined; ) {
        const answer = next.message as Answer;
        // Answers to what was given up long ago are dropped.
        if (answer.id === id) return answer;
        next = receiveMessageOnPort(port);
      }
      const left = deadline - performance.now();
      if (left <= 0 || Atomics.wait(wake, 0, seen, left) === 'timed-out') {
        throw new RemoteKeyError('ERR_REMOTE_KEY_TIMEOUT', `no signature within ${timeoutMs} ms`);
      }
    }
  }

  function sign(request: SignRequest): Uint8Array {
    return breaker.run(() => {
      if (gone !== undefined) throw new RemoteKeyError('ERR_REMOTE_KEY_SIGNER', gone);
      const id = ++lastId;
      port.postMessage({ id, request });
      const { signature, reason = 'no signature' } = waitFor(id);
      if (signature === undefined) throw new RemoteKeyError('ERR_REMOTE_KEY_SIGNER', reason);
      return signature;
    });
  }

  async function close(): Promise<void> {
    gone ??= 'it was closed';
    port.close();
    await worker.terminate();
  }

  return { sign, close, [Symbol.asyncDispose]: close };
}
