import { CmcError, toHex } from '@cmc/bytes';
import { test } from 'vitest';
import { createRandom, mutate } from './mutate.ts';

/** What to fuzz. */
export interface FuzzOptions {
  readonly name: string;
  /** Good inputs, from which hostile ones are made. */
  readonly seeds: readonly Uint8Array[];
  /** Decodes or throws a `CmcError`; anything else that comes out is a finding. */
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Number of inputs. Default: `CMC_FUZZ_RUNS`, else 2000. */
  readonly runs?: number;
  /** Longest time one input may take. Default: 1000 ms. */
  readonly maxMs?: number;
}

const DEFAULT_RUNS = 2000;
const DEFAULT_MAX_MS = 1000;
const TEST_TIMEOUT_MS = 600_000;
const MAX_SHOWN_BYTES = 2048;

/**
 * Registers a test that feeds `decode` hostile inputs. The title shows the seed number of the run;
 * `CMC_FUZZ_SEED` set to it repeats exactly the same inputs.
 */
export function fuzzDecoder(options: FuzzOptions): void {
  const { CMC_FUZZ_SEED, CMC_FUZZ_RUNS } = process.env;
  const seed = Number(CMC_FUZZ_SEED ?? Math.floor(Math.random() * 0x1_0000_0000));
  const runs = options.runs ?? Number(CMC_FUZZ_RUNS ?? DEFAULT_RUNS);
  test(
    `${options.name}: ${runs} hostile inputs decode or throw CmcError (seed ${seed})`,
    async () => {
      await runFuzz(options, runs, seed);
    },
    TEST_TIMEOUT_MS,
  );
}

/** Feeds `runs` inputs made from `seed`; rejects with a report of the first finding. */
export async function runFuzz(options: FuzzOptions, runs: number, seed: number): Promise<void> {
  const random = createRandom(seed);
  const maxMs = options.maxMs ?? DEFAULT_MAX_MS;
  for (let run = 0; run < runs; run++) {
    const input = mutate(options.seeds, random);
    const found = (what: string, cause?: unknown): Error =>
      new Error(
        `${options.name}: ${what} at run ${run} of CMC_FUZZ_SEED=${seed}, input ${shown(input)}`,
        { cause },
      );
    const attempt = async (): Promise<number> => {
      const start = performance.now();
      try {
        await options.decode(input.slice());
      } catch (error) {
        if (!(error instanceof CmcError)) throw found(`threw ${String(error)}`, error);
      }
      return performance.now() - start;
    };
    if ((await attempt()) <= maxMs) continue;
    // The machine may have been busy: an input that is slow is slow again.
    const elapsed = await attempt();
    if (elapsed > maxMs) throw found(`took ${Math.round(elapsed)} ms (at most ${maxMs})`);
  }
}

/** The seed number repeats the whole input; what is shown must not drown it. */
function shown(input: Uint8Array): string {
  const hex = toHex(input.subarray(0, MAX_SHOWN_BYTES));
  return input.length > MAX_SHOWN_BYTES ? `${hex}… (${input.length} bytes)` : hex;
}
