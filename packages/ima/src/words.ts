/** The words (big-endian) of a SHA-256 digest. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(bytes.length / 4);
  copyWords(bytes, words);
  return words;
}

/** As {@link wordsOf}, into `words`. */
export function copyWords(bytes: Uint8Array, words: Int32Array): void {
  for (let i = 0, at = 0; i < words.length; i++, at += 4) {
    words[i] =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number);
  }
}

export function bytesOf(words: Int32Array): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setInt32(4 * i, word);
  return bytes;
}
