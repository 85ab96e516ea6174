import type { DigestResult } from '../types/result.ts';

/**
 * A function that finds, among reference values that were not measured, the one that an unknown
 * measurement most likely replaced: of the same name and index, of the same name, of the same file
 * name, or the only one of its register. Takes constant time per measurement.
 */
export function findNearest(
  references: readonly DigestResult[],
  options: { /** Whether the index is that of a register. */ readonly registers: boolean },
): (measured: DigestResult) => DigestResult | undefined {
  const tables = (options.registers ? [...NAMES, REGISTER] : NAMES).map(({ keyOf, unique }) => {
    const byKey = new Map<string, DigestResult | undefined>();
    for (const artifact of references) {
      const key = keyOf(artifact);
      if (key !== undefined) byKey.set(key, unique && byKey.has(key) ? undefined : artifact);
    }
    return { keyOf, byKey };
  });
  return (measured) => {
    for (const { keyOf, byKey } of tables) {
      const key = keyOf(measured);
      const artifact = key === undefined ? undefined : byKey.get(key);
      if (artifact !== undefined) return artifact;
    }
    return undefined;
  };
}

interface Likeness {
  readonly keyOf: (artifact: DigestResult) => string | undefined;
  /** Whether it says something only when one reference value has it. */
  readonly unique: boolean;
}

const NAMES: readonly Likeness[] = [
  {
    keyOf: ({ name, index }) => (name === undefined ? undefined : `${index} ${name}`),
    unique: false,
  },
  { keyOf: ({ name }) => name, unique: false },
  {
    keyOf: ({ name }) => (name?.includes('/') ? name.slice(name.lastIndexOf('/')) : undefined),
    unique: false,
  },
];
const REGISTER: Likeness = { keyOf: ({ index }) => String(index), unique: true };
