import { randomBytes } from 'node:crypto';
import { toHex } from '@cmc/bytes';
import { CODE } from './codes.ts';
import type { Draft, Incoming } from './message-layer.ts';
import { type Block, blockOption, blockSize, OPTION, uintOption } from './options.ts';
import { refuse, requestKey } from './server-message.ts';
import { Transfers } from './transfers.ts';

interface Download {
  /** Of the request that it answers. */
  readonly requestKey: string;
  /** The whole response. */
  readonly whole: Draft;
}

const ETAG_BYTES = 8;

/**
 * Responses that are fetched in blocks (Block2, RFC 7959 section 2.4). A request for a further
 * block belongs to the response with its token, else to the latest response to a request of the
 * same peer, method and options.
 */
export class Downloads {
  readonly #transfers: Transfers<Download>;

  /** `now` is monotonic time, ms. */
  constructor(now: () => number) {
    this.#transfers = new Transfers(now);
  }

  /** First block of the response to a request, in blocks of size exponent `szx`; keeps the rest. */
  start(incoming: Incoming, response: Draft, szx: number): Draft {
    const etag = { number: OPTION.ETAG, value: randomBytes(ETAG_BYTES) };
    const whole = { ...response, options: [...response.options, etag] };
    this.#keep(tokenKey(incoming), { requestKey: requestKey(incoming), whole }, incoming);
    const first = cut(whole, { num: 0, more: true, szx });
    return {
      ...first,
      options: [...first.options, uintOption(OPTION.SIZE2, response.payload.length)],
    };
  }

  /** The answer to a request for a further block. */
  next(incoming: Incoming, block2: Block): Draft {
    const { message } = incoming;
    const key = this.#find(incoming);
    const download = key === undefined ? undefined : this.#transfers.get(key);
    if (key === undefined || download === undefined) {
      return refuse(message, CODE.REQUEST_ENTITY_INCOMPLETE, 'no response has blocks left');
    }
    const { length } = download.whole.payload;
    const start = block2.num * blockSize(block2.szx);
    if (start >= length) {
      return refuse(message, CODE.BAD_REQUEST, `the response has ${length} bytes`);
    }
    const more = start + blockSize(block2.szx) < length;
    if (more) this.#keep(key, download, incoming);
    else this.#transfers.delete(key);
    return { ...cut(download.whole, { ...block2, more }), token: message.token };
  }

  /** Forgets all of them. */
  clear(): void {
    this.#transfers.clear();
  }

  #keep(key: string, download: Download, incoming: Incoming): void {
    this.#transfers.set(key, download, incoming.peer.key, download.whole.payload.length);
  }

  #find(incoming: Incoming): string | undefined {
    const byToken = tokenKey(incoming);
    if (this.#transfers.get(byToken) !== undefined) return byToken;
    const request = requestKey(incoming);
    return this.#transfers.find((download) => download.requestKey === request);
  }
}

function cut(whole: Draft, block2: Block): Draft {
  const start = block2.num * blockSize(block2.szx);
  return {
    ...whole,
    options: [...whole.options, blockOption(OPTION.BLOCK2, block2)],
    payload: whole.payload.subarray(start, start + blockSize(block2.szx)),
  };
}

function tokenKey(incoming: Incoming): string {
  return `${incoming.peer.key} ${toHex(incoming.message.token)}`;
}
