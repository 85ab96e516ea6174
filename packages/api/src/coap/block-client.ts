import { ByteWriter } from '@cmc/bytes';
import { ApiError } from '../errors.ts';
import { CODE, formatCode } from './codes.ts';
import type { CoapMessage } from './message.ts';
import type { Draft } from './message-layer.ts';
import {
  type Block,
  block,
  blockOption,
  blockSize,
  electiveUint,
  MAX_SZX,
  OPTION,
  sameEtag,
  uintOption,
} from './options.ts';

/** A whole request; only its body may be longer than one block. */
export type WholeRequest = Draft;

export interface WholeResponse {
  readonly code: number;
  readonly payload: Uint8Array;
}

export interface BlockClientOptions {
  /** Sends one message and gives the response to it. */
  readonly request: (draft: Draft) => Promise<CoapMessage>;
  readonly maxResponseBytes: number;
}

/**
 * The whole response to a whole request, block-wise where needed (RFC 7959). All messages of the
 * exchange carry the same token, and further blocks of the response are asked for by repeating
 * method, path and token: servers recognise the exchange by the one or by the other.
 *
 * @throws {ApiError} ERR_API_PROTOCOL, ERR_API_LIMIT, and what `options.request` throws
 */
export async function exchange(
  whole: WholeRequest,
  options: BlockClientOptions,
): Promise<WholeResponse> {
  const first = await upload(whole, options);
  return download(whole, first, options);
}

async function upload(whole: WholeRequest, options: BlockClientOptions): Promise<CoapMessage> {
  const { payload } = whole;
  if (payload.length <= blockSize(MAX_SZX)) return options.request(whole);
  let szx = MAX_SZX;
  let sent = 0;
  for (;;) {
    const size = blockSize(szx);
    const current = { num: sent / size, more: sent + size < payload.length, szx };
    const size1 = sent === 0 ? [uintOption(OPTION.SIZE1, payload.length)] : [];
    const response = await options.request({
      ...whole,
      options: [...whole.options, blockOption(OPTION.BLOCK1, current), ...size1],
      payload: payload.subarray(sent, sent + size),
    });
    if (response.code !== CODE.CONTINUE) return response;
    szx = acceptedSize(response, current);
    sent += size;
  }
}

/** Size exponent in which the server wants the rest of the body. */
function acceptedSize(response: CoapMessage, sent: Block): number {
  const accepted = block(response, OPTION.BLOCK1);
  if (!sent.more) throw protocolError('2.31 to the last block');
  if (accepted?.num !== sent.num || accepted.szx > sent.szx) {
    throw protocolError(`block ${sent.num} was sent, ${describe(accepted)} acknowledged`);
  }
  return accepted.szx;
}

async function download(
  whole: WholeRequest,
  first: CoapMessage,
  options: BlockClientOptions,
): Promise<WholeResponse> {
  const { maxResponseBytes } = options;
  checkSize(electiveUint(first, OPTION.SIZE2) ?? 0, maxResponseBytes);
  const body = new ByteWriter();
  let response = first;
  for (;;) {
    const received = block(response, OPTION.BLOCK2);
    if (received !== undefined) checkBlock(received, response, body.length);
    else if (body.length > 0) throw protocolError('a response without Block2 amid blocks');
    // One that goes on has at least one byte more.
    const known = body.length + response.payload.length + (received?.more === true ? 1 : 0);
    checkSize(known, maxResponseBytes);
    body.bytes(response.payload);
    if (received?.more !== true) return { code: response.code, payload: body.finish() };
    const next = { num: body.length / blockSize(received.szx), more: false, szx: received.szx };
    response = await options.request({
      ...whole,
      options: [...whole.options, blockOption(OPTION.BLOCK2, next)],
      payload: new Uint8Array(),
    });
    if (response.code !== first.code) {
      throw protocolError(`${formatCode(response.code)} to a request for block ${next.num}`);
    }
    if (!sameEtag(response, first)) throw protocolError('the response changed between its blocks');
  }
}

function checkBlock(received: Block, response: CoapMessage, expectedOffset: number): void {
  const size = blockSize(received.szx);
  if (received.num * size !== expectedOffset) {
    throw protocolError(`expected the bytes from ${expectedOffset}, got ${describe(received)}`);
  }
  const { length } = response.payload;
  if (received.more ? length !== size : length > size) {
    throw protocolError(`${length} bytes in ${describe(received)}`);
  }
}

function checkSize(bytes: number, max: number): void {
  if (bytes > max) {
    throw new ApiError('ERR_API_LIMIT', `CoAP: a response of ${bytes} bytes, at most ${max}`);
  }
}

function describe(of: Block | undefined): string {
  return of === undefined ? 'no block' : `block ${of.num} of ${blockSize(of.szx)} bytes`;
}

function protocolError(message: string): ApiError {
  return new ApiError('ERR_API_PROTOCOL', `CoAP: ${message}`);
}
