import { ByteWriter } from '@cmc/bytes';
import { CODE } from './codes.ts';
import type { CoapMessage } from './message.ts';
import type { Draft, Incoming } from './message-layer.ts';
import { type Block, blockOption, blockSize, electiveUint, OPTION, uintOption } from './options.ts';
import { refuse, requestKey } from './server-message.ts';
import { Transfers } from './transfers.ts';

/** A body that is complete, or the answer to a block that does not complete one. */
export type UploadProgress = { readonly body: Uint8Array } | { readonly reply: Draft };

/**
 * Request bodies that arrive in blocks (Block1, RFC 7959 section 2.5). Blocks belong together when
 * peer, method and options of their messages agree; their tokens may differ.
 */
export class Uploads {
  readonly #transfers: Transfers<ByteWriter>;

  /** `now` is monotonic time, ms. */
  constructor(now: () => number) {
    this.#transfers = new Transfers(now);
  }

  /** Takes the block of a body of at most `maxBytes`. */
  take(incoming: Incoming, block1: Block, maxBytes: number): UploadProgress {
    const { message, peer } = incoming;
    const size = blockSize(block1.szx);
    const { length } = message.payload;
    if (block1.more ? length !== size : length > size) {
      const text = `${length} bytes in a block of ${size}`;
      return { reply: refuse(message, CODE.BAD_REQUEST, text) };
    }
    const key = requestKey(incoming);
    if (block1.num === 0) this.#transfers.delete(key);
    const body = this.#transfers.get(key) ?? new ByteWriter();
    if (block1.num * size !== body.length) {
      const text = `expected the bytes from ${body.length}`;
      return { reply: refuse(message, CODE.REQUEST_ENTITY_INCOMPLETE, text) };
    }
    const announced = block1.num === 0 ? (electiveUint(message, OPTION.SIZE1) ?? 0) : 0;
    if (Math.max(body.length + length, announced) > maxBytes) {
      this.#transfers.delete(key);
      return { reply: tooLarge(message, maxBytes) };
    }
    body.bytes(message.payload);
    if (!block1.more) {
      this.#transfers.delete(key);
      return { body: body.finish() };
    }
    this.#transfers.set(key, body, peer.key, body.length);
    return { reply: resume(message, block1) };
  }

  /** Forgets all of them. */
  clear(): void {
    this.#transfers.clear();
  }
}

/** The answer to a message with a body of more than `maxBytes`. */
export function tooLarge(message: CoapMessage, maxBytes: number): Draft {
  const text = `a request has at most ${maxBytes} bytes`;
  const refused = refuse(message, CODE.REQUEST_ENTITY_TOO_LARGE, text);
  return { ...refused, options: [uintOption(OPTION.SIZE1, maxBytes)] };
}

function resume(message: CoapMessage, block1: Block): Draft {
  return {
    code: CODE.CONTINUE,
    token: message.token,
    options: [blockOption(OPTION.BLOCK1, block1)],
    payload: new Uint8Array(),
  };
}
