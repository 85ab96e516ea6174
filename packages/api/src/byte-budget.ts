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
    return new ByteShare((change) => {
      this.#bytes += change;
      return this.#bytes <= this.#maxBytes;
    });
  }
}

/** What one peer holds of a {@link ByteBudget}. */
export class ByteShare {
  readonly #change: (bytes: number) => boolean;
  #bytes = 0;

  constructor(change: (bytes: number) => boolean) {
    this.#change = change;
  }

  /** Holds `bytes` from now on. @throws {ApiError} ERR_API_LIMIT: the budget is used up */
  hold(bytes: number): void {
    const growth = bytes - this.#bytes;
    this.#bytes = bytes;
    if (!this.#change(growth) && growth > 0) {
      throw new ApiError(
        'ERR_API_LIMIT',
        'the messages of other peers take all the memory there is',
      );
    }
  }

  release(): void {
    this.hold(0);
  }
}
