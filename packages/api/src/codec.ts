import type { Serialization } from '@cmc/attestationreport';
import { decodeStruct, encodeStruct } from '@cmc/attestationreport/codec';
import { CmcError, DecodeError } from '@cmc/bytes';
import { ApiError, errorText, remoteError } from './errors.ts';
import { API_VERSION, socketErrorSchema } from './messages.ts';
import type { AnyOperation, Operation } from './operations.ts';

/** A request, and the serialization that its response shall have. */
export interface DecodedRequest<Request> {
  readonly request: Request;
  readonly serialization: Serialization;
}

/**
 * The request in `bytes`, every member checked. For sockets and CoAP; another minor or patch
 * version is taken, as is none at all: the reference does not look at it.
 *
 * @throws {ApiError} ERR_API_REQUEST, ERR_API_VERSION, ERR_API_LIMIT
 */
export function decodeRequest<Request, Wire>(
  operation: Operation<Request, unknown, Wire>,
  bytes: Uint8Array,
): DecodedRequest<Request> {
  assertRequestSize(operation, bytes.length);
  const { request: message } = operation;
  const { value, serialization } = blameRequest(() => message.decode(bytes));
  if (value.version !== '') assertMajorVersion(message.name, value.version);
  return { request: message.accept(value), serialization };
}

/** What `decode` yields. @throws {ApiError} ERR_API_REQUEST where it throws a DecodeError */
export function blameRequest<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new ApiError('ERR_API_REQUEST', cause.message, { cause });
  }
}

/** The response in `bytes`. @throws {ApiError} ERR_API_PROTOCOL, ERR_API_VERSION */
export function decodeResponse<Response>(
  operation: Pick<Operation<unknown, Response>, 'response'>,
  bytes: Uint8Array,
): Response {
  return expectResponse(operation, () => operation.response.decode(bytes).value);
}

/** Accepts the response that `decode` yields. @throws {ApiError} ERR_API_PROTOCOL, ERR_API_VERSION */
export function expectResponse<Response>(
  operation: Pick<Operation<unknown, Response>, 'response'>,
  decode: () => Response & { readonly version: string },
): Response {
  try {
    const value = decode();
    assertMajorVersion(operation.response.name, value.version);
    return operation.response.accept(value);
  } catch (cause) {
    if (cause instanceof ApiError && cause.code === 'ERR_API_VERSION') throw cause;
    if (!(cause instanceof CmcError)) throw cause;
    throw new ApiError('ERR_API_PROTOCOL', cause.message, { cause });
  }
}

/** @throws {ApiError} ERR_API_LIMIT */
export function assertRequestSize(
  operation: Pick<AnyOperation, 'maxRequestBytes' | 'request'>,
  length: number,
): void {
  if (length <= operation.maxRequestBytes) return;
  throw new ApiError(
    'ERR_API_LIMIT',
    `${operation.request.name} of ${length} bytes, at most ${operation.maxRequestBytes} are allowed`,
  );
}

/** @throws {ApiError} ERR_API_LIMIT */
export function assertResponseSize(name: string, length: number, maxBytes: number): void {
  if (length <= maxBytes) return;
  throw new ApiError(
    'ERR_API_LIMIT',
    `${name} of ${length} bytes, at most ${maxBytes} are allowed`,
  );
}

const MAJOR_VERSION = API_VERSION.slice(0, API_VERSION.indexOf('.') + 1);

function assertMajorVersion(name: string, version: string): void {
  const same = version.startsWith(MAJOR_VERSION) && /^\d+\.\d+\.\d+$/.test(version);
  if (!same) refuseVersion(name, version);
}

/** @throws {ApiError} ERR_API_VERSION */
export function refuseVersion(name: string, version: string): never {
  throw new ApiError(
    'ERR_API_VERSION',
    `${name}: expected version ${API_VERSION}, got ${JSON.stringify(version.slice(0, 32))}`,
  );
}

/** Payload of a socket error. */
export function encodeError(error: unknown, serialization: Serialization): Uint8Array {
  return encodeStruct(socketErrorSchema, { msg: errorText(error) }, serialization);
}

/** The error that a socket answered with. @throws {ApiError} ERR_API_PROTOCOL */
export function decodeError(bytes: Uint8Array): ApiError {
  try {
    return remoteError(decodeStruct(socketErrorSchema, bytes).value.msg);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    return new ApiError('ERR_API_PROTOCOL', cause.message, { cause });
  }
}

/** Serialization for an error about a request that cannot be decoded. */
export function guessSerialization(bytes: Uint8Array): Serialization {
  return bytes[0] === '{'.charCodeAt(0) ? 'json' : 'cbor';
}
