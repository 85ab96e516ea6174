/** Order of two elements, as of `Array.prototype.sort`. */
export type Compare<T> = (a: T, b: T) => number;

const MAX_INSERTION = 12;
const MIN_NINTHER = 50;
const MAX_SWAPS = 12;
const MAX_REPAIRS = 5;
const MIN_REPAIRED = 50;

/**
 * A sorted copy, in which elements that compare equal have the order that `sort.Slice` of Go gives
 * them: a pattern-defeating quicksort, which is not stable. Hashes of configurations depend on that
 * order, as some have equal elements (system call rules that differ in their arguments only).
 */
export function sortUnstable<T>(elements: readonly T[], compare: Compare<T>): readonly T[] {
  const sorter = new Sorter([...elements], compare);
  sorter.sort(0, elements.length, bitLength(elements.length));
  return sorter.elements;
}

type Hint = 'increasing' | 'decreasing' | 'unknown';

class Sorter<T> {
  readonly elements: T[];
  readonly #compare: Compare<T>;

  constructor(elements: T[], compare: Compare<T>) {
    this.elements = elements;
    this.#compare = compare;
  }

  /** Sorts [from, to); after `limit` bad partitions by heapsort. */
  sort(from: number, to: number, limit: number): void {
    let balanced = true;
    let partitioned = true;
    for (;;) {
      const length = to - from;
      if (length <= MAX_INSERTION || limit === 0) {
        if (length <= MAX_INSERTION) this.#insertionSort(from, to);
        else this.#heapSort(from, to);
        return;
      }
      if (!balanced) {
        this.#breakPatterns(from, to);
        limit--;
      }
      let [pivot, hint] = this.#choosePivot(from, to);
      if (hint === 'decreasing') {
        this.#reverse(from, to);
        pivot = to - 1 - (pivot - from);
        hint = 'increasing';
      }
      const looksSorted = balanced && partitioned && hint === 'increasing';
      if (looksSorted && this.#repair(from, to)) return;
      if (from > 0 && !this.#less(from - 1, pivot)) {
        from = this.#partitionEqual(from, to, pivot);
        continue;
      }
      const [middle, wasPartitioned] = this.#partition(from, to, pivot);
      partitioned = wasPartitioned;
      const [left, right] = [middle - from, to - middle];
      balanced = Math.min(left, right) >= Math.floor(length / 8);
      if (left < right) {
        this.sort(from, middle, limit);
        from = middle + 1;
      } else {
        this.sort(middle + 1, to, limit);
        to = middle;
      }
    }
  }

  #less(i: number, j: number): boolean {
    const { elements } = this;
    return this.#compare(elements[i] as T, elements[j] as T) < 0;
  }

  #swap(i: number, j: number): void {
    const { elements } = this;
    [elements[i], elements[j]] = [elements[j] as T, elements[i] as T];
  }

  #reverse(from: number, to: number): void {
    for (let i = from, j = to - 1; i < j; i++, j--) this.#swap(i, j);
  }

  #insertionSort(from: number, to: number): void {
    for (let i = from + 1; i < to; i++) this.#sink(i, from);
  }

  /** Moves the element at `i` down to where nothing below it is greater, not below `end`. */
  #sink(i: number, end: number): void {
    for (let j = i; j > end && this.#less(j, j - 1); j--) this.#swap(j, j - 1);
  }

  #heapSort(from: number, to: number): void {
    const size = to - from;
    for (let i = Math.floor((size - 1) / 2); i >= 0; i--) this.#siftDown(i, size, from);
    for (let i = size - 1; i >= 0; i--) {
      this.#swap(from, from + i);
      this.#siftDown(0, i, from);
    }
  }

  #siftDown(start: number, size: number, from: number): void {
    for (let root = start; ; ) {
      let child = 2 * root + 1;
      if (child >= size) return;
      if (child + 1 < size && this.#less(from + child, from + child + 1)) child++;
      if (!this.#less(from + root, from + child)) return;
      this.#swap(from + root, from + child);
      root = child;
    }
  }

  /** Puts the pivot where it belongs: smaller elements before it, the others after it. */
  #partition(from: number, to: number, pivot: number): [middle: number, wasPartitioned: boolean] {
    this.#swap(from, pivot);
    let [i, j] = [from + 1, to - 1];
    for (let swaps = 0; ; swaps++) {
      while (i <= j && this.#less(i, from)) i++;
      while (i <= j && !this.#less(j, from)) j--;
      if (i > j) {
        this.#swap(j, from);
        return [j, swaps === 0];
      }
      this.#swap(i++, j--);
    }
  }

  /** Moves the elements equal to the pivot, the least there is, to the front. */
  #partitionEqual(from: number, to: number, pivot: number): number {
    this.#swap(from, pivot);
    for (let i = from + 1, j = to - 1; ; ) {
      while (i <= j && !this.#less(from, i)) i++;
      while (i <= j && this.#less(from, j)) j--;
      if (i > j) return i;
      this.#swap(i++, j--);
    }
  }

  /** Sorts what is almost sorted; whether that worked. */
  #repair(from: number, to: number): boolean {
    let i = from + 1;
    for (let repairs = 0; repairs < MAX_REPAIRS; repairs++) {
      while (i < to && !this.#less(i, i - 1)) i++;
      if (i === to) return true;
      if (to - from < MIN_REPAIRED) return false;
      this.#swap(i, i - 1);
      if (i - from >= 2) this.#sink(i - 1, 0);
      for (let j = i + 1; j < to && this.#less(j, j - 1); j++) this.#swap(j, j - 1);
    }
    return false;
  }

  /** Scatters three elements around the middle, always the same way for one length. */
  #breakPatterns(from: number, to: number): void {
    const length = to - from;
    const mask = BigInt(2 ** bitLength(length) - 1);
    const middle = from + Math.floor(length / 4) * 2;
    let random = BigInt(length);
    for (let i = 0; i < 3; i++) {
      random = nextRandom(random);
      const other = Number(random & mask);
      this.#swap(middle - 1 + i, from + (other >= length ? other - length : other));
    }
  }

  /** Index of the median of three elements, or of three medians, and what the way there tells. */
  #choosePivot(from: number, to: number): [pivot: number, hint: Hint] {
    let swaps = 0;
    const median = (...indices: [number, number, number]): number => {
      for (const i of [0, 1, 0] as const) {
        const [a, b] = [indices[i], indices[i + 1] as number];
        if (!this.#less(b, a)) continue;
        [indices[i], indices[i + 1]] = [b, a];
        swaps++;
      }
      return indices[1];
    };
    const around = (i: number): number => median(i - 1, i, i + 1);
    const step = Math.floor((to - from) / 4);
    const [i, j, k] = [from + step, from + 2 * step, from + 3 * step];
    const pivot =
      to - from < MIN_NINTHER ? median(i, j, k) : median(around(i), around(j), around(k));
    return [pivot, swaps === 0 ? 'increasing' : swaps === MAX_SWAPS ? 'decreasing' : 'unknown'];
  }
}

function bitLength(length: number): number {
  return length.toString(2).length - (length === 0 ? 1 : 0);
}

/** Marsaglia's xorshift with 64 bits. */
function nextRandom(state: bigint): bigint {
  let next = state ^ BigInt.asUintN(64, state << 13n);
  next ^= next >> 7n;
  return next ^ BigInt.asUintN(64, next << 17n);
}
