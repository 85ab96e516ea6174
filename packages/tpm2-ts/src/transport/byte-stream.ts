import { connect, type Socket } from 'node:net';
import { concatBytes } from '@cmc/bytes';
import { TpmError } from '../errors.ts';

/** Where a software TPM listens. */
export type SocketAddress =
  | { readonly path: string }
  | { readonly host?: string; readonly port: number };

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** Longest time until connected. Default: 10 s. */
  readonly timeoutMs?: number;
}

/** Longest time until connected, unless told otherwise. */
export const DEFAULT_CONNECT_MS = 10_000;

/** A socket that is read by exact lengths, by one reader at a time. */
export class ByteStream {
  readonly #socket: Socket;
  #received: Uint8Array = new Uint8Array();
  #failure: TpmError | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = concatBytes(this.#received, chunk);
      this.#wake?.();
    });
    socket.on('error', (cause) => this.#fail('the connection to the TPM broke', cause));
    socket.on('close', () => this.#fail('the connection to the TPM is closed'));
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next `length` bytes. @throws {TpmError} ERR_TPM_TRANSPORT: closed before they came */
  async read(length: number): Promise<Uint8Array> {
    while (this.#received.length < length) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#received.slice(0, length);
    this.#received = this.#received.subarray(length);
    return bytes;
  }

  close(): void {
    this.#socket.destroy();
  }

  #fail(message: string, cause?: unknown): void {
    this.#failure ??= new TpmError('ERR_TPM_TRANSPORT', message, { cause });
    this.#wake?.();
  }
}

/** Connects. @throws {TpmError} ERR_TPM_TRANSPORT, ERR_TPM_TIMEOUT; the signal's reason */
export function openByteStream(
  address: SocketAddress,
  { signal, timeoutMs = DEFAULT_CONNECT_MS }: ConnectOptions = {},
): Promise<ByteStream> {
  signal?.throwIfAborted();
  const target =
    'path' in address ? address : { host: address.host ?? '127.0.0.1', port: address.port };
  const shown = 'path' in target ? target.path : `${target.host}:${target.port}`;
  return new Promise<ByteStream>((resolve, reject) => {
    const socket = connect({ ...target, noDelay: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(signal?.reason);
    const timer = setTimeout(
      () => fail(new TpmError('ERR_TPM_TIMEOUT', `${shown}: not connected in ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('error', (cause) =>
      fail(new TpmError('ERR_TPM_TRANSPORT', `cannot connect to ${shown}`, { cause })),
    );
    socket.once('connect', () => {
      settle();
      resolve(new ByteStream(socket));
    });
  });
}
