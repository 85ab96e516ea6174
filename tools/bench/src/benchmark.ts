/** One line of the report: a figure, what it is compared with, and the goal. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal: string;
  readonly met: boolean;
}

/** A figure that must be at most `limit`. */
export function atMost(name: string, value: number, unit: string, limit: number): Figure {
  return { name, value, unit, goal: `at most ${limit}`, met: value <= limit };
}

/** A figure that must be at least `limit`. */
export function atLeast(name: string, value: number, unit: string, limit: number): Figure {
  return { name, value, unit, goal: `at least ${limit}`, met: value >= limit };
}

/** A figure without a goal, to understand the others by. */
export function shown(name: string, value: number, unit: string): Figure {
  return { name, value, unit, goal: '', met: true };
}

/** Milliseconds that each of `runs` runs took, one after the other. */
export async function timeEach(runs: number, run: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}

/** Runs per second, with `concurrency` of them under way at any time. */
export async function throughput(
  runs: number,
  concurrency: number,
  run: () => Promise<void>,
): Promise<number> {
  let started = 0;
  const start = performance.now();
  const worker = async (): Promise<void> => {
    while (started++ < runs) await run();
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (runs * 1000) / (performance.now() - start);
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
