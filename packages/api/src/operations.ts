import type { CallOptions, Cmc } from './cmc.ts';
import { MAX_MESSAGE_BYTES, MAX_SMALL_REQUEST_BYTES } from './limits.ts';
import * as messages from './messages.ts';

/** One operation of the API; `RequestWire` is a request that is decoded but not accepted yet. */
export interface Operation<Request, Response, RequestWire = Request> {
  /** Method of gRPC; path of CoAP, after a slash. */
  readonly name: string;
  /** Frame type of the socket API. */
  readonly socketType: number;
  /** Longest request, bytes. */
  readonly maxRequestBytes: number;
  readonly request: messages.Message<Request, RequestWire>;
  readonly response: messages.Message<Response>;
  invoke(cmc: Cmc, request: Request, options: CallOptions): Promise<Response>;
}

/** Any row of {@link operations}: for code that passes requests and responses through. */
export type AnyOperation = Operation<unknown, unknown, unknown>;

function operation<Request, Response, RequestWire>(
  row: Operation<Request, Response, RequestWire>,
): Operation<Request, Response, RequestWire> {
  return Object.freeze(row);
}

// Methods without a request take at most the options.
type RequestOf<Method extends keyof Cmc> = Parameters<Cmc[Method]>['length'] extends 1 | 2
  ? Parameters<Cmc[Method]>[0]
  : messages.EmptyRequest;
type ResponseOf<Method extends keyof Cmc> = Awaited<ReturnType<Cmc[Method]>>;

/** The operations by their method of `Cmc`. All transports follow this table. */
export const operations: {
  readonly [Method in keyof Cmc]: Operation<RequestOf<Method>, ResponseOf<Method>, unknown>;
} = Object.freeze({
  attest: operation({
    name: 'Attest',
    socketType: 1,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.attestationRequest,
    response: messages.attestationResponse,
    invoke: (cmc, request, options) => cmc.attest(request, options),
  }),
  verify: operation({
    name: 'Verify',
    socketType: 2,
    maxRequestBytes: MAX_MESSAGE_BYTES,
    request: messages.verificationRequest,
    response: messages.verificationResponse,
    invoke: (cmc, request, options) => cmc.verify(request, options),
  }),
  tlsCreate: operation({
    name: 'TLSCreate',
    socketType: 3,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.tlsCreateRequest,
    response: messages.tlsCreateResponse,
    invoke: (cmc, request, options) => cmc.tlsCreate(request, options),
  }),
  tlsSign: operation({
    name: 'TLSSign',
    socketType: 4,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.tlsSignRequest,
    response: messages.tlsSignResponse,
    invoke: (cmc, request, options) => cmc.tlsSign(request, options),
  }),
  tlsCert: operation({
    name: 'TLSCert',
    socketType: 5,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.tlsCertRequest,
    response: messages.tlsCertResponse,
    invoke: (cmc, request, options) => cmc.tlsCert(request, options),
  }),
  peerCache: operation({
    name: 'PeerCache',
    socketType: 6,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.peerCacheRequest,
    response: messages.peerCacheResponse,
    invoke: (cmc, request, options) => cmc.peerCache(request, options),
  }),
  measure: operation({
    name: 'Measure',
    socketType: 7,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.measureRequest,
    response: messages.measureResponse,
    invoke: (cmc, request, options) => cmc.measure(request, options),
  }),
  updateCerts: operation({
    name: 'UpdateCerts',
    socketType: 8,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.updateCertsRequest,
    response: messages.updateCertsResponse,
    invoke: (cmc, _request, options) => cmc.updateCerts(options),
  }),
  updateMetadata: operation({
    name: 'UpdateMetadata',
    socketType: 9,
    maxRequestBytes: MAX_SMALL_REQUEST_BYTES,
    request: messages.updateMetadataRequest,
    response: messages.updateMetadataResponse,
    invoke: (cmc, _request, options) => cmc.updateMetadata(options),
  }),
});

/** Every row of {@link operations}. */
export const allOperations: readonly AnyOperation[] = Object.freeze(Object.values(operations));
