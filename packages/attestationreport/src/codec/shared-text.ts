/** Up to this length, bytes, texts are looked for among those that were read before. */
export const MAX_SHARED_TEXT = 16;

/** Names of types, algorithms and properties, which come again and again, by their hash. */
const texts: string[] = new Array(256).fill('');

/** The text that a range of bytes holds: one that was read before, or what `decode` gives. */
export function sharedText(
  bytes: Uint8Array,
  start: number,
  end: number,
  decode: (bytes: Uint8Array) => string,
): string {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
  const slot = (hash ^ (hash >>> 8)) & (texts.length - 1);
  const known = texts[slot] ?? '';
  if (isAscii(known, bytes, start, end)) return known;
  const text = decode(bytes.subarray(start, end));
  texts[slot] = text;
  return text;
}

/** Whether a range holds the characters of `text`, all of ASCII. */
function isAscii(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[start + i] ?? 0;
    if (byte >= 0x80 || byte !== text.charCodeAt(i)) return false;
  }
  return true;
}
