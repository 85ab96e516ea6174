import { DecodeError } from '@cmc/bytes';
import { CODE } from './codes.ts';
import { Downloads } from './downloads.ts';
import type { Draft, Incoming } from './message-layer.ts';
import { block, blockOption, blockSize, MAX_SZX, OPTION, uintOption } from './options.ts';
import { refuse } from './server-message.ts';
import { tooLarge, type UploadProgress, Uploads } from './uploads.ts';

export interface ServerResponse {
  readonly code: number;
  readonly contentFormat: number;
  readonly payload: Uint8Array;
}

/** Server side of block-wise transfers, RFC 7959. */
export class BlockServer {
  readonly #uploads: Uploads;
  readonly #downloads: Downloads;

  /** `now` is monotonic time, ms. */
  constructor(now: () => number) {
    this.#uploads = new Uploads(now);
    this.#downloads = new Downloads(now);
  }

  /** What a message of a request with a body of at most `maxBytes` leads to. */
  receive(incoming: Incoming, maxBytes: number): UploadProgress {
    const { message } = incoming;
    try {
      const block1 = block(message, OPTION.BLOCK1);
      const block2 = block(message, OPTION.BLOCK2);
      if (block2 !== undefined && block2.num > 0) {
        return { reply: this.#downloads.next(incoming, block2) };
      }
      if (block1 !== undefined) return this.#uploads.take(incoming, block1, maxBytes);
      if (message.payload.length > maxBytes) return { reply: tooLarge(message, maxBytes) };
      return { body: message.payload };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      // Size exponent 7 is 4.00 (RFC 7959, 2.2), any other malformed critical option 4.02.
      const code = error.code === 'ERR_DECODE_RESERVED' ? CODE.BAD_REQUEST : CODE.BAD_OPTION;
      return { reply: refuse(message, code, error.message) };
    }
  }

  /** Answer to the message that completed a request: the response, or its first block. */
  respond(incoming: Incoming, response: ServerResponse): Draft {
    const { message } = incoming;
    const block1 = block(message, OPTION.BLOCK1);
    const szx = block(message, OPTION.BLOCK2)?.szx ?? MAX_SZX;
    const whole = {
      code: response.code,
      token: message.token,
      options: [uintOption(OPTION.CONTENT_FORMAT, response.contentFormat)],
      payload: response.payload,
    };
    const first =
      whole.payload.length <= blockSize(szx) ? whole : this.#downloads.start(incoming, whole, szx);
    if (block1 === undefined) return first;
    return { ...first, options: [...first.options, blockOption(OPTION.BLOCK1, block1)] };
  }

  /** Forgets all transfers. */
  close(): void {
    this.#uploads.clear();
    this.#downloads.clear();
  }
}
