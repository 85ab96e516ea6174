/** Copies of `bytes`, each with one byte changed (xor `mask`), first to last. */
export function* flipEachByte(
  bytes: Uint8Array,
  mask = 0x01,
): Generator<{ readonly offset: number; readonly bytes: Uint8Array }> {
  for (let offset = 0; offset < bytes.length; offset++) {
    const flipped = bytes.slice();
    flipped[offset] = (flipped[offset] ?? 0) ^ mask;
    yield { offset, bytes: flipped };
  }
}

/** Every proper prefix of `bytes`, the empty one first. */
export function* prefixes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
}
