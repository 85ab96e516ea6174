import { fuzzDecoder } from '@cmc/testkit';
import { decodeError, decodeRequest, decodeResponse, encodeError } from '../src/codec.ts';
import { ApiError } from '../src/errors.ts';
import { FrameReader, onlyFrame } from '../src/frame-reader.ts';
import { encodeGrpcFrame, grpcFrames, messageOf } from '../src/grpc/frame.ts';
import { grpcMethods } from '../src/grpc/methods.ts';
import { decodeGrpcMessage, decodeTimeout } from '../src/grpc/status.ts';
import { allOperations } from '../src/operations.ts';
import { encodeFrame, socketFrames, toFrame } from '../src/socket/frame.ts';
import { SAMPLES } from './samples.ts';

const sampleOf = (message: unknown): unknown => SAMPLES.get(message as never);

for (const operation of allOperations) {
  const seeds = (message: typeof operation.request): Uint8Array[] =>
    (['json', 'cbor'] as const).map((serialization) =>
      message.encode(sampleOf(message), serialization),
    );
  fuzzDecoder({
    name: operation.request.name,
    seeds: seeds(operation.request),
    decode: (bytes) => decodeRequest(operation, bytes),
  });
  fuzzDecoder({
    name: operation.response.name,
    seeds: seeds(operation.response),
    decode: (bytes) => decodeResponse(operation, bytes),
  });
}

for (const { operation, request, response } of Object.values(grpcMethods)) {
  fuzzDecoder({
    name: `${operation.request.name} in protobuf`,
    seeds: [request.encode(sampleOf(operation.request))],
    decode: (bytes) => operation.request.accept(request.decode(bytes)),
  });
  fuzzDecoder({
    name: `${operation.response.name} in protobuf`,
    seeds: [response.encode(sampleOf(operation.response))],
    decode: (bytes) => operation.response.accept(response.decode(bytes)),
  });
}

fuzzDecoder({
  name: 'SocketError',
  seeds: [encodeError(new ApiError('ERR_API_LIMIT', 'no'), 'json'), encodeError(null, 'cbor')],
  decode: decodeError,
});

fuzzDecoder({
  name: 'socket frame',
  seeds: [encodeFrame({ type: 1, payload: new Uint8Array(40) })],
  decode: (bytes) => {
    const reader = new FrameReader(socketFrames(1 << 20));
    // The first byte says how the rest arrives.
    const step = (bytes[0] ?? 0) + 1;
    for (let at = 1; at < bytes.length; at += step) {
      const frame = onlyFrame(reader, bytes.subarray(at, at + step));
      if (frame !== undefined) toFrame(frame);
    }
    if (reader.bufferedBytes > 65_536) throw new Error('allocated for what was announced');
  },
});

fuzzDecoder({
  name: 'gRPC messages of a stream',
  seeds: [encodeGrpcFrame(new Uint8Array(40)), encodeGrpcFrame(new Uint8Array())],
  decode: (bytes) => {
    const reader = new FrameReader(grpcFrames(1 << 20));
    reader.append(bytes);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) messageOf(frame);
  },
});

fuzzDecoder({
  name: 'headers of gRPC',
  seeds: ['100m', '%F0%9F', 'ERR_X: %C3%BC'].map((text) => new TextEncoder().encode(text)),
  decode: (bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    decodeGrpcMessage(text);
    decodeTimeout(text);
  },
});
