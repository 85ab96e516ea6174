/** Things that are going on. */
export class Running {
  readonly #promises = new Set<Promise<unknown>>();

  get count(): number {
    return this.#promises.size;
  }

  /** Counts `promise` until it settles; yields what it yields. */
  async track<T>(promise: Promise<T>): Promise<T> {
    this.#promises.add(promise);
    try {
      return await promise;
    } finally {
      this.#promises.delete(promise);
    }
  }

  /** Resolves when everything that goes on now has settled. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#promises);
  }
}
