import { ApiError } from './errors.ts';

/** Memory that all peers of one server share. */
export class ByteBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A share that starts empty. */
  share(): ByteShare {
    return new ByteShare((growth) => {
      if (growth > 0 && this.#bytes + growth > this.#maxBytes) {
        throw new ApiError('ERR_API_LIMIT', 'other messages take all the memory there is');
      }
      this.#bytes += growth;
    });
  }
}

/** What one peer holds of a {@link ByteBudget}. */
export class ByteShare {
  readonly #grow: (bytes: number) => void;
  #bytes = 0;
  #released = false;

  constructor(grow: (bytes: number) => void) {
    this.#grow = grow;
  }

  /** Holds `bytes` from now on. @throws {ApiError} ERR_API_LIMIT: there is not so much left */
  hold(bytes: number): void {
    if (this.#released) return;
    this.#grow(bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** Gives everything back, for good: work that comes late cannot take any more. */
  release(): void {
    this.hold(0);
    this.#released = true;
  }
}
