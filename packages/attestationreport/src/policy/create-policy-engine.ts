import { CmcError, decodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import type { WaitOptions } from '../contract.ts';
import type { PolicyEngine, PolicyVerdict } from './policy-engine.ts';
import { Sandbox } from './sandbox.ts';

export interface PolicyEngineOptions {
  /** Time one policy may run; default 1000. It is stopped for good at one and a half times that plus 500. */
  readonly timeoutMs?: number;
  /** Memory of one interpreter with everything in it; default 48 MiB, at least 16 MiB. */
  readonly memoryBytes?: number;
  /** Policies that run at the same time, each in a thread of its own; default 2. Others wait. */
  readonly concurrency?: number;
  /** Receives what policies write with `console.log`; default: nobody. */
  readonly logger?: Logger;
}

/** A policy engine with threads behind it. */
export interface JsPolicyEngine extends PolicyEngine, AsyncDisposable {
  /** Stops what runs and ends the threads. Idempotent. */
  close(): Promise<void>;
}

/** Bytes of the source text of a policy. */
export const MAX_POLICY_BYTES: number = 256 * 1024;
/** UTF-16 code units of an attestation result in JSON, given to a policy or returned by one. */
export const MAX_RESULT_LENGTH: number = 8 * 1024 * 1024;
/** Evaluations that wait for a thread; more are denied. */
export const MAX_WAITING = 64;

/**
 * An engine for policies in JavaScript. A policy finds the attestation result as JSON text in the
 * global variable `json`; the value of its last statement is the verdict. Each runs in a fresh
 * interpreter (QuickJS in WebAssembly) inside a worker thread, with nothing but the standard objects
 * of ECMAScript, less `Promise`, `Proxy` and typed arrays, and `console.log`.
 * Threads start with the first evaluation, are reused, and do not keep the process alive when idle.
 * @throws {RangeError} an option out of range
 */
export function createPolicyEngine(options: PolicyEngineOptions = {}): JsPolicyEngine {
  return new ThreadedPolicyEngine(options);
}

class ThreadedPolicyEngine implements JsPolicyEngine {
  readonly #timeoutMs: number;
  readonly #memoryBytes: number;
  readonly #concurrency: number;
  readonly #logger: Logger;
  readonly #idle: Sandbox[] = [];
  readonly #busy = new Set<Sandbox>();
  readonly #waiting = new Set<{
    readonly go: () => void;
    readonly stop: (reason: unknown) => void;
  }>();
  readonly #ending = new Set<Promise<void>>();
  #active = 0;
  #closed = false;

  constructor(options: PolicyEngineOptions) {
    this.#timeoutMs = inRange('timeoutMs', options.timeoutMs ?? 1000, 1, 600_000);
    this.#memoryBytes = inRange('memoryBytes', options.memoryBytes ?? 48 << 20, 16 << 20, 1 << 30);
    this.#concurrency = inRange('concurrency', options.concurrency ?? 2, 1, 64);
    this.#logger = options.logger ?? silentLogger;
  }

  async evaluate(
    policy: Uint8Array,
    resultJson: string,
    { signal }: WaitOptions = {},
  ): Promise<PolicyVerdict> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    if (policy.length > MAX_POLICY_BYTES) {
      return deny(`the policy has ${policy.length} bytes, at most ${MAX_POLICY_BYTES} are allowed`);
    }
    if (resultJson.length > MAX_RESULT_LENGTH) {
      return deny(
        `the attestation result has ${resultJson.length} characters, at most ${MAX_RESULT_LENGTH} are allowed`,
      );
    }
    const source = sourceText(policy);
    if (source === undefined) return deny('the policy is not UTF-8 text');
    if (this.#active >= this.#concurrency) {
      if (this.#waiting.size >= MAX_WAITING) return deny('too many policies wait to be evaluated');
      await this.#turn(signal);
    } else {
      this.#active++;
    }
    try {
      return await this.#run(source, resultJson, signal);
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#active--;
      else next.go();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting) waiting.stop(closedError());
    for (const sandbox of [...this.#idle.splice(0), ...this.#busy]) this.#end(sandbox);
    await Promise.all(this.#ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Waits until an evaluation that ends passes on its place. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(entry);
        signal?.removeEventListener('abort', onAbort);
      };
      const entry = {
        go: () => {
          leave();
          resolve();
        },
        stop: (reason: unknown) => {
          leave();
          reject(reason);
        },
      };
      const onAbort = (): void => entry.stop(signal?.reason);
      signal?.addEventListener('abort', onAbort);
      this.#waiting.add(entry);
    });
  }

  async #run(
    source: string,
    resultJson: string,
    signal: AbortSignal | undefined,
  ): Promise<PolicyVerdict> {
    // Both can have happened while this evaluation waited.
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const sandbox = this.#idle.pop() ?? this.#start();
    this.#busy.add(sandbox);
    const onAbort = (): void => this.#end(sandbox);
    signal?.addEventListener('abort', onAbort);
    const { verdict, log, fault } = await sandbox.run(source, resultJson);
    signal?.removeEventListener('abort', onAbort);
    this.#busy.delete(sandbox);

    if (fault || this.#closed || signal?.aborted) this.#end(sandbox);
    else this.#idle.push(sandbox);
    if (this.#closed) throw closedError();
    signal?.throwIfAborted();
    if (log.length > 0) this.#logger.info({ lines: log }, 'output of a policy');
    return verdict;
  }

  #start(): Sandbox {
    return new Sandbox({
      timeoutMs: this.#timeoutMs,
      memoryBytes: this.#memoryBytes,
      maxResultLength: MAX_RESULT_LENGTH,
    });
  }

  #end(sandbox: Sandbox): void {
    const ending = sandbox.terminate().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

function sourceText(policy: Uint8Array): string | undefined {
  try {
    return decodeUtf8(policy, 'policy');
  } catch {
    return undefined;
  }
}

function deny(reason: string): PolicyVerdict {
  return { verdict: 'deny', reason };
}

function closedError(): CmcError {
  return new CmcError('ERR_POLICY_CLOSED', 'the policy engine is closed');
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name}: expected an integer from ${least} to ${most}, got ${value}`);
}
