import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader, onlyFrame } from '../src/frame-reader.ts';
import { encodeGrpcFrame, grpcFrames, messageOf } from '../src/grpc/frame.ts';
import { encodeFrame, socketFrames, toFrame } from '../src/socket/frame.ts';

const PAYLOAD = Uint8Array.from({ length: 300 }, (_, index) => index);

describe('socket frames', () => {
  test('property: arrive whole, however they are cut', () => {
    const bytes = encodeFrame({ type: 7, payload: PAYLOAD });
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const reader = new FrameReader(socketFrames(1000));
        const ends = [...cuts.sort((a, b) => a - b), bytes.length];
        let start = 0;
        for (const end of ends) {
          const frame = onlyFrame(reader, bytes.subarray(start, end));
          if (end < bytes.length) expect(frame).toBeUndefined();
          else if (frame !== undefined) {
            expect(toFrame(frame)).toEqual({ type: 7, payload: PAYLOAD });
            return;
          }
          start = end;
        }
        expect.unreachable('the frame never came');
      }),
    );
  });

  test('R46 refuses a length beyond the limit, and allocates nothing for it', () => {
    const reader = new FrameReader(socketFrames(1000));
    expect(() => onlyFrame(reader, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1))).toThrow(
      expect.objectContaining({ code: 'ERR_API_LIMIT' }),
    );
    expect(reader.bufferedBytes).toBeLessThan(100_000);
  });

  test('R46 allocate for what has arrived, not for what was announced', () => {
    const reader = new FrameReader(socketFrames(0xffff_ffff));
    onlyFrame(reader, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1));
    onlyFrame(reader, new Uint8Array(200_000));
    expect(reader.bufferedBytes).toBeLessThan(500_000);
  });

  test('are limited exactly', () => {
    const exact = encodeFrame({ type: 1, payload: PAYLOAD });
    expect(onlyFrame(new FrameReader(socketFrames(300)), exact)).toBeDefined();
    expect(() => onlyFrame(new FrameReader(socketFrames(299)), exact)).toThrow(
      expect.objectContaining({ code: 'ERR_API_LIMIT' }),
    );
  });

  test('are refused without a payload', () => {
    const empty = encodeFrame({ type: 1, payload: new Uint8Array() });
    expect(() => onlyFrame(new FrameReader(socketFrames(10)), empty)).toThrow(
      expect.objectContaining({ code: 'ERR_API_PROTOCOL' }),
    );
  });

  test('are refused with bytes after them', () => {
    const reader = new FrameReader(socketFrames(1000));
    const frame = encodeFrame({ type: 1, payload: PAYLOAD });
    expect(() => onlyFrame(reader, Uint8Array.of(...frame, 0))).toThrow(
      expect.objectContaining({ code: 'ERR_API_PROTOCOL' }),
    );
  });
});

describe('gRPC messages', () => {
  test('may be empty', () => {
    const frame = onlyFrame(new FrameReader(grpcFrames(10)), encodeGrpcFrame(new Uint8Array()));
    expect(frame && messageOf(frame)).toEqual(new Uint8Array());
  });

  test('are refused when they are compressed', () => {
    const bytes = encodeGrpcFrame(PAYLOAD);
    bytes[0] = 1;
    const frame = onlyFrame(new FrameReader(grpcFrames(1000)), bytes);
    expect(() => frame && messageOf(frame)).toThrow(
      expect.objectContaining({ code: 'ERR_API_PROTOCOL' }),
    );
  });
});
