import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

const TIMEOUT_MS = 120_000;

export interface Outcome {
  /** Exit code; -1 when it did not run to its end. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: 120 s. */
  readonly timeoutMs?: number;
}

/** What the guest could not do. `code` is that of the error there. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
  readonly code?: string;

  constructor(message: string, code: string | undefined) {
    super(message);
    if (code !== undefined) this.code = code;
  }
}

/** Talks to `guest/agent.mjs`. */
export class Agent {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** A file of the guest, read until nothing more comes. */
  async read(path: string): Promise<Uint8Array> {
    return await this.#request('GET', `/file?path=${encodeURIComponent(path)}`);
  }

  /** Writes to a file that is there, in one write; with `mode`, makes it anew. */
  async write(path: string, data: Uint8Array | string, mode?: number): Promise<void> {
    const made = mode === undefined ? '' : `&mode=${mode.toString(8)}`;
    await this.#request('PUT', `/file?path=${encodeURIComponent(path)}${made}`, Buffer.from(data));
  }

  /** Runs a program to its end. */
  async run(
    program: string,
    args: readonly string[],
    { env = {}, timeoutMs = TIMEOUT_MS }: ProgramOptions = {},
  ): Promise<Outcome> {
    const body = Buffer.from(JSON.stringify({ program, args, env, timeoutMs }));
    return JSON.parse(Buffer.from(await this.#request('POST', '/run', body)).toString());
  }

  /** Calls a function of a module in the guest; argument and result are JSON. */
  async call(module: string, name: string, argument: unknown = null): Promise<unknown> {
    const body = Buffer.from(JSON.stringify({ module, name, argument }));
    return JSON.parse(Buffer.from(await this.#request('POST', '/call', body)).toString());
  }

  async #request(method: string, path: string, body?: Uint8Array): Promise<Uint8Array> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#port, path, method, agent: false };
      const sent = request(options, resolve).on('error', reject);
      sent.setTimeout(TIMEOUT_MS, () => {
        sent.destroy(new Error(`${method} ${path}: the guest is silent`));
      });
      sent.end(body);
    });
    const bytes = await buffer(response);
    if (response.statusCode === 200) return new Uint8Array(bytes);
    const { message, code } = JSON.parse(bytes.toString()) as { message: string; code?: string };
    throw new GuestError(message, code);
  }
}
