import type { Socket } from 'node:net';
import { ApiError } from '../errors.ts';
import type { FrameReader } from '../frame-reader.ts';
import { type Frame, toFrame } from './frame.ts';

/**
 * The one frame that `socket` delivers. The socket keeps flowing afterwards, so that the end of the
 * connection is noticed: a peer that sends more than the frame is cut off, and what follows a
 * refused frame is dropped.
 *
 * @throws {ApiError} ERR_API_UNAVAILABLE: closed before the frame was complete; what `reader` and
 * `onGrowth` throw, the latter after every growth of the reader's memory
 */
export async function receiveFrame(
  socket: Socket,
  reader: FrameReader,
  onGrowth: () => void = () => {},
): Promise<Frame> {
  return await new Promise((resolve, reject) => {
    let state: 'receiving' | 'complete' | 'refused' = 'receiving';
    socket.on('data', (chunk: Uint8Array) => {
      if (state === 'complete') socket.destroy();
      if (state !== 'receiving') return;
      try {
        const frame = reader.push(chunk);
        onGrowth();
        if (frame === undefined) return;
        state = 'complete';
        resolve(toFrame(frame));
      } catch (error) {
        state = 'refused';
        reject(error);
      }
    });
    const onEnd = (): void => {
      const message = 'connection closed before the message was complete';
      reject(new ApiError('ERR_API_UNAVAILABLE', message, { cause: socket.errored ?? undefined }));
    };
    socket.once('end', onEnd);
    socket.once('close', onEnd);
  });
}
