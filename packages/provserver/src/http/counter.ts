/** Counts what is in use, in total and by address. Holds only addresses that use something. */
export class UsageCounter {
  readonly #byAddress = new Map<string, number>();
  readonly #most: number;
  readonly #mostPerAddress: number;
  #total = 0;

  constructor(most: number, mostPerAddress: number) {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
  }

  /** Takes one, and gives what returns it; undefined when there is none left. */
  take(address: string): (() => void) | undefined {
    const used = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.#most || used >= this.#mostPerAddress) return undefined;
    this.#total++;
    this.#byAddress.set(address, used + 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#total--;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
  }
}
