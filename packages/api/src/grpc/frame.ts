import { ApiError } from '../errors.ts';
import type { FrameFormat, RawFrame } from '../frame-reader.ts';

/*
 * Message of gRPC over HTTP/2: compressed flag (u8), length (u32, big endian), then the message.
 */

const HEADER_BYTES = 5;
const LENGTH_OFFSET = 1;

/** Format of messages of up to `maxPayloadBytes`. */
export function grpcFrames(maxPayloadBytes: number): FrameFormat {
  return {
    headerBytes: HEADER_BYTES,
    lengthOffset: LENGTH_OFFSET,
    minPayloadBytes: 0,
    maxPayloadBytes,
  };
}

export function encodeGrpcFrame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + message.length);
  new DataView(bytes.buffer).setUint32(LENGTH_OFFSET, message.length);
  bytes.set(message, HEADER_BYTES);
  return bytes;
}

/** The message in a frame. @throws {ApiError} ERR_API_PROTOCOL: compressed, though never asked for */
export function messageOf({ header, payload }: RawFrame): Uint8Array {
  if (header.getUint8(0) !== 0) {
    throw new ApiError('ERR_API_PROTOCOL', 'compressed message, none was offered');
  }
  return payload;
}
