/** Parts of a report or result that are compared. */
export type Section = 'verdict' | 'events' | 'metadata' | 'certificates' | 'platform';

/** A named value; a name may occur several times. */
export interface Entry {
  readonly section: Section;
  readonly name: string;
  readonly value: string;
}

/** One difference: what is only in the second, only in the first, or other in both. */
export interface Change {
  readonly section: Section;
  readonly name: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly from?: string;
  readonly to?: string;
}

/**
 * What differs between two lists of entries, in the order of the first list, then of the second.
 * Entries of one name are compared as a set: their order says nothing.
 */
export function compareEntries(from: readonly Entry[], to: readonly Entry[]): readonly Change[] {
  const before = group(from);
  const after = group(to);
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].flatMap((key): readonly Change[] => {
    const old = before.get(key) ?? [];
    const now = after.get(key) ?? [];
    const removed = without(old, now);
    const added = without(now, old);
    const [example] = [...old, ...now];
    if (example === undefined) return [];
    const { section, name } = example;
    const count = Math.max(removed.length, added.length);
    return Array.from({ length: count }, (_, i): Change => {
      const [gone, came] = [removed[i]?.value, added[i]?.value];
      if (gone === undefined) return { section, name, kind: 'added', to: came ?? '' };
      if (came === undefined) return { section, name, kind: 'removed', from: gone };
      return { section, name, kind: 'changed', from: gone, to: came };
    });
  });
}

function group(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.section, entry.name]);
    const same = groups.get(key);
    if (same === undefined) groups.set(key, [entry]);
    else same.push(entry);
  }
  return groups;
}

/** The entries of `all` whose values are not in `others`, each of which cancels one. */
function without(all: readonly Entry[], others: readonly Entry[]): readonly Entry[] {
  const left = new Map<string, number>();
  for (const { value } of others) left.set(value, (left.get(value) ?? 0) + 1);
  return all.filter(({ value }) => {
    const count = left.get(value) ?? 0;
    left.set(value, count - 1);
    return count <= 0;
  });
}
