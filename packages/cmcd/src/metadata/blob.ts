import { CmcdError } from '../errors.ts';
import { cborItemLength } from './cbor-item.ts';
import type { ItemCollector } from './collector.ts';
import { readBounded } from './files.ts';
import { MAX_TOTAL_BYTES } from './limits.ts';

/** Adds the items of a file or block device that holds JSON texts or CBOR items one after another. */
export async function readBlobInto(collector: ItemCollector, path: string): Promise<void> {
  const items = splitBlob(await readBounded(path, MAX_TOTAL_BYTES), path);
  for (const item of items) collector.add(item);
}

/**
 * The JSON objects or CBOR items of `blob`. Zero bytes at its end are padding of a block device.
 * @throws {CmcdError} ERR_METADATA_FORMAT
 */
export function splitBlob(blob: Uint8Array, name = 'blob'): readonly Uint8Array[] {
  // An item may end in zero bytes itself, so that the padding is only known to start after an item.
  const end = blob.findLastIndex((byte) => byte !== 0) + 1;
  if (end === 0) throw new CmcdError('ERR_METADATA_FORMAT', `${name} holds no metadata`);
  const first = String.fromCharCode(blob[0] ?? 0);
  return first === '{' || first === '['
    ? splitJson(blob.subarray(0, end), name)
    : splitCbor(blob, end, name);
}

function splitCbor(blob: Uint8Array, end: number, name: string): readonly Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let at = 0; at < end; ) {
    const length = cborItemLength(blob.subarray(at), name);
    items.push(blob.slice(at, at + length));
    at += length;
  }
  return items;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x7b, 0x5b]);
const CLOSING = new Set([0x7d, 0x5d]);
const WHITESPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** Finds where each object or array ends; whether it is JSON in between is for its decoder. */
function splitJson(content: Uint8Array, name: string): readonly Uint8Array[] {
  const items: Uint8Array[] = [];
  let start = 0;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < content.length; at++) {
    const byte = content[at] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (OPENING.has(byte)) {
      if (depth++ === 0) start = at;
    } else if (depth === 0) {
      if (!WHITESPACE.has(byte)) throw notJson(name, at);
    } else if (CLOSING.has(byte)) {
      if (--depth === 0) items.push(content.slice(start, at + 1));
    } else if (byte === QUOTE) inString = true;
  }
  if (depth > 0) throw notJson(name, content.length);
  return items;
}

function notJson(name: string, at: number): CmcdError {
  return new CmcdError(
    'ERR_METADATA_FORMAT',
    `${name}: expected JSON objects one after another, failed at byte ${at}`,
  );
}
