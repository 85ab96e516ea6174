import { CmcError } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { fixedClock, flipEachByte, fuzzDecoder, prefixes, runFuzz } from '../src/index.ts';

const seeds = [new TextEncoder().encode('{"a":[1,2,3]}'), Uint8Array.of(0x83, 1, 2, 3)];

fuzzDecoder({
  name: 'a decoder that refuses everything',
  seeds,
  runs: 100,
  decode: () => {
    throw new CmcError('ERR_TEST_REFUSED', 'refused');
  },
});

describe('runFuzz', () => {
  test('gives the same inputs for the same seed and others for another', async () => {
    const inputs = async (seed: number): Promise<string[]> => {
      const seen: string[] = [];
      const decode = (bytes: Uint8Array): void => {
        seen.push(Buffer.from(bytes).toString('hex'));
      };
      await runFuzz({ name: 'recorder', seeds, decode }, 200, seed);
      return seen;
    };
    expect(await inputs(7)).toEqual(await inputs(7));
    expect(await inputs(7)).not.toEqual(await inputs(8));
    expect(new Set(await inputs(7)).size).toBeGreaterThan(150);
  });

  test('reports any other error with seed and input', async () => {
    const decode = (bytes: Uint8Array): void => {
      if (bytes.length > 5) throw new TypeError('boom');
    };
    await expect(runFuzz({ name: 'bad', seeds, decode }, 100, 3)).rejects.toThrow(
      /^bad: threw TypeError: boom at run \d+ of CMC_FUZZ_SEED=3, input [0-9a-f]{12,}$/,
    );
  });

  test('reports an asynchronous error', async () => {
    const decode = (): Promise<void> => Promise.reject(new RangeError('later'));
    await expect(runFuzz({ name: 'bad', seeds, decode }, 1, 3)).rejects.toThrow(
      'RangeError: later',
    );
  });

  test('reports an input that takes too long', async () => {
    const decode = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));
    await expect(runFuzz({ name: 'slow', seeds, decode, maxMs: 5 }, 1, 3)).rejects.toThrow('slow');
  });
});

describe('corpora', () => {
  test('flipEachByte changes exactly one byte each time', () => {
    const flips = [...flipEachByte(Uint8Array.of(1, 2, 3))];
    expect(flips.map(({ offset, bytes }) => [offset, ...bytes])).toEqual([
      [0, 0, 2, 3],
      [1, 1, 3, 3],
      [2, 1, 2, 2],
    ]);
  });

  test('prefixes gives every proper prefix', () => {
    expect([...prefixes(Uint8Array.of(1, 2))]).toEqual([Uint8Array.of(), Uint8Array.of(1)]);
  });
});

describe('fixedClock', () => {
  test('stands still until advanced', () => {
    const { now, advance } = fixedClock('2026-01-01T00:00:00Z');
    expect(now()).toEqual(new Date('2026-01-01T00:00:00Z'));
    advance(1500);
    expect(now()).toEqual(new Date('2026-01-01T00:00:01.500Z'));
  });
});
