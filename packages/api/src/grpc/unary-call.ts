import {
  type ClientHttp2Session,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { ApiError } from '../errors.ts';
import { FrameReader, onlyFrame } from '../frame-reader.ts';
import { encodeGrpcFrame, grpcFrames, messageOf } from './frame.ts';
import { decodeGrpcMessage, encodeTimeout, GRPC_STATUS, statusError } from './status.ts';

export interface UnaryCallOptions {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly message: Uint8Array;
  readonly maxMessageBytes: number;
  readonly timeoutMs: number;
  /** Resets the stream. */
  readonly signal: AbortSignal;
}

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/**
 * One unary gRPC call (gRPC over HTTP/2, protocol version 1): yields the response message.
 *
 * @throws {ApiError} what the status says; ERR_API_UNAVAILABLE, ERR_API_PROTOCOL, ERR_API_LIMIT
 */
export async function unaryCall(
  session: ClientHttp2Session,
  options: UnaryCallOptions,
): Promise<Uint8Array> {
  const { path, message, maxMessageBytes, timeoutMs, signal } = options;
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    'grpc-timeout': encodeTimeout(timeoutMs),
    'user-agent': 'cmc-node',
  });
  const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
  signal.addEventListener('abort', cancel);
  try {
    return await new Promise((resolve, reject) => {
      const reader = new FrameReader(grpcFrames(maxMessageBytes));
      let response: Uint8Array | undefined;
      let status: ResponseHeaders = {};
      stream.on('response', (headers) => {
        status = headers;
      });
      stream.on('trailers', (trailers) => {
        status = { ...status, ...trailers };
      });
      stream.on('data', (chunk: Uint8Array) => {
        try {
          const frame = onlyFrame(reader, chunk);
          if (frame !== undefined) response = messageOf(frame);
        } catch (error) {
          reject(error);
          cancel();
        }
      });
      stream.on('error', (cause) => {
        reject(new ApiError('ERR_API_UNAVAILABLE', `call failed: ${cause.message}`, { cause }));
      });
      stream.on('close', () => {
        try {
          assertOk(status);
          if (response === undefined) throw new ApiError('ERR_API_PROTOCOL', 'no response message');
          resolve(response);
        } catch (error) {
          reject(error);
        }
      });
      stream.end(encodeGrpcFrame(message));
    });
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** Requires status OK; `headers` are the trailers too, or all there is (trailers-only response). */
function assertOk(headers: ResponseHeaders): void {
  const status = headers['grpc-status'];
  if (typeof status !== 'string' || !/^\d{1,2}$/.test(status)) {
    throw headers[':status'] === undefined || headers[':status'] === 200
      ? new ApiError('ERR_API_UNAVAILABLE', 'the call ended without a status')
      : new ApiError('ERR_API_PROTOCOL', `not a gRPC server: HTTP status ${headers[':status']}`);
  }
  if (Number(status) === GRPC_STATUS.OK) return;
  const text = headers['grpc-message'];
  throw statusError({
    code: Number(status),
    message: typeof text === 'string' ? decodeGrpcMessage(text) : '',
  });
}
