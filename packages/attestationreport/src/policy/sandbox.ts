import { Worker } from 'node:worker_threads';
import type { PolicyVerdict } from './policy-engine.ts';

/** What bounds every run in a sandbox. */
export interface SandboxLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  /** UTF-16 code units of an attestation result that a policy returns. */
  readonly maxResultLength: number;
}

export interface SandboxRun {
  readonly verdict: PolicyVerdict;
  /** What the policy wrote with `console.log`. */
  readonly log: readonly string[];
  /** Whether the sandbox must be terminated instead of running anything else. */
  readonly fault: boolean;
}

type Answer = { readonly message: unknown } | { readonly failure: string };

const START_TIMEOUT_MS = 30_000;
// The JavaScript heap of the worker holds the texts that go in and out; the interpreter's memory is
// not part of it.
const HEAP_MEGABYTES = 128;

/**
 * A worker thread with the interpreter in it. Runs one policy at a time, and keeps the process alive
 * only while it does.
 */
export class Sandbox {
  readonly #limits: SandboxLimits;
  readonly #worker: Worker;
  readonly #ready: Promise<Answer>;
  #settle: ((answer: Answer) => void) | undefined;
  #gone: string | undefined;

  constructor(limits: SandboxLimits) {
    this.#limits = limits;
    this.#worker = new Worker(new URL('../../src/policy/sandbox.mjs', import.meta.url), {
      name: 'cmc-policy',
      workerData: limits,
      // Neither the environment nor the command line options of this process.
      env: {},
      execArgv: [],
      // The interpreter prints why it aborts; the verdict says so, too. Nobody reads these streams:
      // reading them would keep the process alive.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
    });
    this.#worker.on('message', (message: unknown) => this.#settle?.({ message }));
    this.#worker.on('error', (error: Error) => this.#end(error.message));
    this.#worker.on('exit', () => this.#end('its thread ended'));
    this.#ready = this.#answer(START_TIMEOUT_MS);
  }

  /** What came of running `policy`. Never rejects: what goes wrong is a denial and a fault. */
  async run(policy: string, resultJson: string): Promise<SandboxRun> {
    this.#worker.ref();
    try {
      const ready = await this.#ready;
      if ('failure' in ready) return fault(`the sandbox did not start: ${ready.failure}`);
      // The interpreter looks at the clock between its instructions. One instruction that takes long
      // (joining huge arrays, say) is stopped from outside.
      const answer = this.#answer(1.5 * this.#limits.timeoutMs + 500);
      this.#worker.postMessage({ policy, resultJson });
      const outcome = await answer;
      if ('failure' in outcome) return fault(`the sandbox failed: ${outcome.failure}`);
      return outcome.message as SandboxRun;
    } finally {
      this.#worker.unref();
    }
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer(timeoutMs: number): Promise<Answer> {
    if (this.#gone !== undefined) return Promise.resolve({ failure: this.#gone });
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#settle?.({ failure: `no answer within ${timeoutMs} ms` }),
        timeoutMs,
      );
      this.#settle = (answer) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(answer);
      };
    });
  }

  #end(failure: string): void {
    this.#gone ??= failure;
    this.#settle?.({ failure });
  }
}

function fault(reason: string): SandboxRun {
  return { verdict: { verdict: 'deny', reason }, log: [], fault: true };
}
