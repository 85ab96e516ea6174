/** Pseudo random numbers that a seed determines; `below(n)` gives an integer in [0, n). */
export interface Random {
  readonly below: (limit: number) => number;
  readonly bytes: (length: number) => Uint8Array;
}

/** Generator mulberry32: short, fast, good enough to pick mutations. Never for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return { below, bytes: (length) => Uint8Array.from({ length }, () => below(256)) };
}

// Values at which parsers of lengths, tags and counts change their mind.
const INTERESTING = [0x00, 0x01, 0x1f, 0x20, 0x30, 0x7f, 0x80, 0x81, 0x9f, 0xbf, 0xff];
const MAX_RANDOM_BYTES = 512;
const MAX_MUTATIONS = 4;

/** One hostile input: a mutated seed, or, once in eight times, nothing but random bytes. */
export function mutate(seeds: readonly Uint8Array[], random: Random): Uint8Array {
  if (seeds.length === 0 || random.below(8) === 0) {
    return random.bytes(random.below(MAX_RANDOM_BYTES));
  }
  const pick = (): Uint8Array => seeds[random.below(seeds.length)] ?? new Uint8Array();
  let bytes: Uint8Array = pick().slice();
  for (let left = 1 + random.below(MAX_MUTATIONS); left > 0; left--) {
    bytes = mutateOnce(bytes, pick, random);
  }
  return bytes;
}

function mutateOnce(bytes: Uint8Array, pick: () => Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(7)) {
    case 0:
      return replace(bytes, at, (byte) => byte ^ (1 << random.below(8)));
    case 1:
      return replace(bytes, at, () => random.below(256));
    case 2:
      return replace(bytes, at, () => INTERESTING[random.below(INTERESTING.length)] ?? 0);
    case 3:
      return splice(bytes, at, 0, random.bytes(1 + random.below(8)));
    case 4:
      return splice(bytes, at, 1 + random.below(16), new Uint8Array());
    case 5: {
      const other = pick();
      const from = random.below(other.length + 1);
      const part = other.slice(from, from + random.below(64));
      return splice(bytes, at, random.below(64), part);
    }
    default:
      return bytes.slice(0, at);
  }
}

function replace(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  if (at < bytes.length) bytes[at] = change(bytes[at] ?? 0);
  return bytes;
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.min(at + remove, bytes.length));
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result;
}
