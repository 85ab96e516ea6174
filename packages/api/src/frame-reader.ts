import type { ByteShare } from './byte-budget.ts';
import { ApiError } from './errors.ts';

/** A header of fixed size, with the length of the payload that follows it (u32, big endian). */
export interface FrameFormat {
  readonly headerBytes: number;
  /** Where the length stands in the header. */
  readonly lengthOffset: number;
  readonly minPayloadBytes: number;
  readonly maxPayloadBytes: number;
}

export interface RawFrame {
  readonly header: DataView;
  readonly payload: Uint8Array;
}

/** First allocation; it grows with what really arrives, never with what is announced. */
const FIRST_BUFFER_BYTES = 16 * 1024;

/** Puts the frames of a stream together, from chunks of any size. */
export class FrameReader {
  readonly #format: FrameFormat;
  #buffer = new Uint8Array(0);
  #received = 0;

  constructor(format: FrameFormat) {
    this.#format = format;
  }

  /** Bytes that no frame has taken yet. */
  get pendingBytes(): number {
    return this.#received;
  }

  /** Bytes of memory in use: never more than twice what is pending, plus a small constant. */
  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  append(chunk: Uint8Array): void {
    const needed = this.#received + chunk.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2, FIRST_BUFFER_BYTES));
      larger.set(this.#buffer.subarray(0, this.#received));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#received);
    this.#received = needed;
  }

  /**
   * The next frame once it is complete, in memory that nobody else uses.
   *
   * @throws {ApiError} ERR_API_LIMIT: announces a payload beyond the limit; ERR_API_PROTOCOL: a
   * payload that is too short
   */
  next(): RawFrame | undefined {
    const { headerBytes, lengthOffset } = this.#format;
    if (this.#received < headerBytes) return undefined;
    const header = new DataView(this.#buffer.buffer, 0, headerBytes);
    const end = headerBytes + this.#checkedLength(header.getUint32(lengthOffset));
    if (this.#received < end) return undefined;
    const payload = this.#buffer.subarray(headerBytes, end);
    this.#buffer = this.#buffer.slice(end, this.#received);
    this.#received = this.#buffer.length;
    return { header, payload };
  }

  #checkedLength(length: number): number {
    const { minPayloadBytes, maxPayloadBytes } = this.#format;
    if (length < minPayloadBytes) throw new ApiError('ERR_API_PROTOCOL', 'message without content');
    if (length <= maxPayloadBytes) return length;
    throw new ApiError(
      'ERR_API_LIMIT',
      `message of ${length} bytes, at most ${maxPayloadBytes} are allowed`,
    );
  }
}

/**
 * Takes `chunk` in; yields the frame when it is complete, for streams that carry only one. The
 * memory is counted in `share`, and stays so until that is released.
 *
 * @throws {ApiError} what {@link FrameReader.next} and the share throw; ERR_API_PROTOCOL: bytes
 * after the frame
 */
export function onlyFrame(
  reader: FrameReader,
  chunk: Uint8Array,
  share?: ByteShare,
): RawFrame | undefined {
  reader.append(chunk);
  share?.hold(reader.bufferedBytes);
  const frame = reader.next();
  if (frame !== undefined && reader.pendingBytes > 0) {
    throw new ApiError('ERR_API_PROTOCOL', `${reader.pendingBytes} bytes after the message`);
  }
  return frame;
}
