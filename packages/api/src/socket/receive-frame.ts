import type { Socket } from 'node:net';
import type { ByteShare } from '../byte-budget.ts';
import { ApiError } from '../errors.ts';
import { FrameReader, onlyFrame } from '../frame-reader.ts';
import { type Frame, socketFrames, toFrame } from './frame.ts';

export interface ReceiveOptions {
  readonly maxPayloadBytes: number;
  /** Where the memory of the frame is counted. */
  readonly share?: ByteShare;
}

/**
 * The one frame that `socket` delivers. The socket keeps flowing afterwards, so that the end of the
 * connection is noticed: a peer that sends more than the frame is cut off, and what follows a
 * refused frame is dropped.
 *
 * @throws {ApiError} ERR_API_UNAVAILABLE: closed before the frame was complete; ERR_API_LIMIT,
 * ERR_API_PROTOCOL
 */
export async function receiveFrame(socket: Socket, options: ReceiveOptions): Promise<Frame> {
  const { maxPayloadBytes, share } = options;
  const reader = new FrameReader(socketFrames(maxPayloadBytes));
  return await new Promise((resolve, reject) => {
    let state: 'receiving' | 'complete' | 'refused' = 'receiving';
    socket.on('data', (chunk: Uint8Array) => {
      if (state === 'complete') socket.destroy();
      if (state !== 'receiving') return;
      try {
        const frame = onlyFrame(reader, chunk, share);
        if (frame === undefined) return;
        state = 'complete';
        resolve(toFrame(frame));
      } catch (error) {
        state = 'refused';
        reject(error);
      }
    });
    const onEnd = (): void => {
      if (state !== 'receiving') return;
      const message = 'connection closed before the message was complete';
      reject(new ApiError('ERR_API_UNAVAILABLE', message, { cause: socket.errored ?? undefined }));
    };
    socket.once('end', onEnd);
    socket.once('close', onEnd);
  });
}
