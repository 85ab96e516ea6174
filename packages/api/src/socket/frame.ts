import type { FrameFormat, RawFrame } from '../frame-reader.ts';

/*
 * Frame of the socket API: payload length (u32), type (u32), both big endian, then the payload.
 * A connection carries one frame each way.
 */

const HEADER_BYTES = 8;
const TYPE_OFFSET = 4;

/** Type of a response that is an error. */
export const ERROR_TYPE = 0;

export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Format of frames with payloads of up to `maxPayloadBytes`. */
export function socketFrames(maxPayloadBytes: number): FrameFormat {
  return { headerBytes: HEADER_BYTES, lengthOffset: 0, minPayloadBytes: 1, maxPayloadBytes };
}

/** One frame as one buffer: some peers expect the whole header in a single read. */
export function encodeFrame({ type, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(TYPE_OFFSET, type);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export function toFrame({ header, payload }: RawFrame): Frame {
  return { type: header.getUint32(TYPE_OFFSET), payload };
}
