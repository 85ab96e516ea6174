import type { Duplex } from 'node:stream';
import { AttestedTlsError } from './errors.ts';

const LENGTH_BYTES = 4;
/** Memory for a message grows with what has arrived, from this size on. */
const FIRST_CAPACITY = 64 * 1024;

/** One message on its way: first its length, then its body. */
interface PendingRead {
  readonly maxBytes: number;
  inBody: boolean;
  /** Bytes of the part that is being read. */
  size: number;
  have: number;
  bytes: Uint8Array;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Messages with a 32-bit big-endian length in front, over a stream that belongs to somebody else
 * afterwards. Takes exactly the bytes of each message from the stream: what follows stays in it.
 */
export class FrameChannel {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  readonly #onMemory: (bytes: number) => void;
  #pending: PendingRead | undefined;

  /**
   * @param signal ends waiting reads and writes with its reason
   * @param onMemory is told of all memory that messages from the stream take
   */
  constructor(stream: Duplex, signal: AbortSignal, onMemory: (bytes: number) => void = () => {}) {
    this.#stream = stream;
    this.#signal = signal;
    this.#onMemory = onMemory;
    stream.on('readable', this.#onReadable);
    stream.on('end', this.#onEnd);
    signal.addEventListener('abort', this.#onAbort);
  }

  /**
   * Body of the next message. A longer one is refused before any of it is kept.
   * @throws {AttestedTlsError} ERR_ATLS_LIMIT, ERR_ATLS_PROTOCOL, ERR_ATLS_CLOSED
   */
  read(maxBytes: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#signal.throwIfAborted();
      if (this.#stream.readableEnded) throw closedError();
      const bytes = new Uint8Array(LENGTH_BYTES);
      const start = { inBody: false, size: LENGTH_BYTES, have: 0, bytes };
      this.#pending = { maxBytes, ...start, resolve, reject };
      this.#onReadable();
    });
  }

  /** Sends one message; fulfilled when the kernel has taken all of it. */
  write(body: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#signal.throwIfAborted();
      const onAbort = (): void => reject(this.#signal.reason);
      this.#signal.addEventListener('abort', onAbort);
      this.#stream.write(encodeFrame(body), (error) => {
        this.#signal.removeEventListener('abort', onAbort);
        if (error) reject(closedError(error));
        else resolve();
      });
    });
  }

  /** Leaves the stream to its next owner, with every byte behind the last message still in it. */
  release(): void {
    this.#stream.off('readable', this.#onReadable);
    this.#stream.off('end', this.#onEnd);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onReadable = (): void => {
    while (this.#pending !== undefined) {
      const pending = this.#pending;
      const wanted = Math.min(this.#stream.readableLength, pending.size - pending.have);
      // Reading nothing asks for more, and makes an ended stream say so.
      const chunk: Uint8Array | null = this.#stream.read(wanted);
      if (chunk === null || wanted === 0) return;
      const { length } = pending.bytes;
      append(pending, chunk);
      this.#onMemory(pending.bytes.length - length);
      // That may have ended it.
      if (this.#pending !== pending) return;
      if (pending.have === pending.size) this.#partComplete(pending);
    }
  };

  #partComplete(pending: PendingRead): void {
    if (pending.inBody) {
      this.#pending = undefined;
      pending.resolve(pending.bytes);
      return;
    }
    const size = new DataView(pending.bytes.buffer).getUint32(0);
    if (size === 0) {
      this.#fail(new AttestedTlsError('ERR_ATLS_PROTOCOL', 'the peer sent a message of length 0'));
    } else if (size > pending.maxBytes) {
      const message = `the peer announced a message of ${size} bytes, at most ${pending.maxBytes} are allowed`;
      this.#fail(new AttestedTlsError('ERR_ATLS_LIMIT', message));
    } else {
      const bytes = new Uint8Array(Math.min(size, FIRST_CAPACITY));
      Object.assign(pending, { inBody: true, size, have: 0, bytes });
      this.#onMemory(bytes.length);
    }
  }

  readonly #onEnd = (): void => this.#fail(closedError());

  readonly #onAbort = (): void => this.#fail(this.#signal.reason);

  #fail(error: unknown): void {
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}

/** A message with its length in front: one write, so that no TLS record splits the length. */
export function encodeFrame(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, LENGTH_BYTES);
  return frame;
}

/** The connection is gone. Errors of the TLS layer are told from those of the transport. */
export function closedError(cause?: Error): Error {
  if (cause === undefined) {
    const message = 'the connection was closed before both sides had completed';
    return new AttestedTlsError('ERR_ATLS_CLOSED', message);
  }
  // Who aborted gets what Node's own sockets give.
  if (cause.name === 'AbortError') return cause;
  const code = 'code' in cause ? String(cause.code) : '';
  return code.startsWith('ERR_SSL_')
    ? new AttestedTlsError('ERR_ATLS_TLS', 'the TLS connection failed', { cause })
    : new AttestedTlsError('ERR_ATLS_CLOSED', 'the connection was lost', { cause });
}

function append(pending: PendingRead, chunk: Uint8Array): void {
  const have = pending.have + chunk.length;
  if (have > pending.bytes.length) {
    const larger = new Uint8Array(Math.min(pending.size, Math.max(have, 2 * pending.bytes.length)));
    larger.set(pending.bytes.subarray(0, pending.have));
    pending.bytes = larger;
  }
  pending.bytes.set(chunk, pending.have);
  pending.have = have;
}
