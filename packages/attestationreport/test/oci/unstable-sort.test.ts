import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sortUnstable } from '../../src/oci/unstable-sort.ts';

interface Vector {
  readonly name: string;
  readonly keys: readonly number[];
  readonly order: readonly number[];
}
const file = new URL('../../vectors/oci/sort-vectors.json', import.meta.url);
const vectors: readonly Vector[] = JSON.parse(readFileSync(file, 'utf8'));
const keyed = (keys: readonly number[]): readonly (readonly [number, number])[] =>
  keys.map((key, place) => [key, place] as const);

describe('sortUnstable', () => {
  test.each(vectors.map(({ name, keys, order }) => ({ name, count: keys.length, keys, order })))(
    'puts equal elements in the order of the reference: $name, $count elements',
    ({ keys, order }) => {
      const sorted = sortUnstable(keyed(keys), ([a], [b]) => a - b);
      expect(sorted.map(([, place]) => place)).toEqual(order);
    },
  );

  test('leaves sorted elements as they are, and its argument too', () => {
    for (const { keys } of vectors) {
      const before = [...keys];
      const sorted = sortUnstable(keyed(keys), ([a], [b]) => a - b);
      expect(keys).toEqual(before);
      expect(sortUnstable(sorted, ([a], [b]) => a - b)).toEqual(sorted);
    }
  });
});
