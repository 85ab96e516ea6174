import { ApiError } from '../errors.ts';

/*
 * Frame of the socket API: payload length (u32), type (u32), both big endian, then the payload.
 * A connection carries one frame each way.
 */

export const FRAME_HEADER_BYTES = 8;

/** Type of a response that is an error. */
export const ERROR_TYPE = 0;

/** First allocation for a payload that comes in parts; it grows with what really arrives. */
const FIRST_BUFFER_BYTES = 16 * 1024;

export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** One frame as one buffer: some peers expect the header in a single read. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { type, payload } = frame;
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(4, type);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** Puts the one frame of a connection together, from chunks of any size. */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  #buffer = new Uint8Array(0);
  #received = 0;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Bytes of memory in use: never more than twice what has arrived, plus a small constant. */
  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  /**
   * Takes `chunk` in; yields the frame when it is complete. The payload is a view of memory that nobody else uses.
   *
   * @throws {ApiError} ERR_API_LIMIT: announces a payload beyond the limit; ERR_API_PROTOCOL: an
   * empty payload, or bytes after the frame
   */
  push(chunk: Uint8Array): Frame | undefined {
    this.#append(chunk);
    if (this.#received < FRAME_HEADER_BYTES) return undefined;
    const header = new DataView(this.#buffer.buffer, 0, FRAME_HEADER_BYTES);
    const end = FRAME_HEADER_BYTES + this.#checkedLength(header.getUint32(0));
    if (this.#received > end) {
      throw new ApiError('ERR_API_PROTOCOL', `${this.#received - end} bytes after the frame`);
    }
    if (this.#received < end) return undefined;
    return { type: header.getUint32(4), payload: this.#buffer.subarray(FRAME_HEADER_BYTES, end) };
  }

  #checkedLength(length: number): number {
    if (length === 0) throw new ApiError('ERR_API_PROTOCOL', 'frame without a payload');
    if (length > this.#maxPayloadBytes) {
      throw new ApiError(
        'ERR_API_LIMIT',
        `payload of ${length} bytes, at most ${this.#maxPayloadBytes} are allowed`,
      );
    }
    return length;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#received + chunk.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2, FIRST_BUFFER_BYTES));
      larger.set(this.#buffer.subarray(0, this.#received));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#received);
    this.#received = needed;
  }
}
