import { CmcdError } from '../errors.ts';

const INDEFINITE = 31;

/**
 * Length of the CBOR item (RFC 8949) that `bytes` start with, whatever follows it. Nothing but the
 * structure is looked at; items of indefinite length are refused, as the decoder does.
 *
 * @throws {CmcdError} ERR_METADATA_FORMAT
 */
export function cborItemLength(bytes: Uint8Array, name: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let pending = 1; pending > 0; pending--) {
    const major = (bytes[at] ?? 0) >> 5;
    const { size, argument } = readHead(view, at, name);
    at += size;
    if (major === 2 || major === 3) at += argument;
    if (major === 4) pending += argument;
    if (major === 5) pending += 2 * argument;
    if (major === 6) pending += 1;
    // Every pending item but the one just read takes a byte at least.
    if (at + pending - 1 > bytes.length) throw malformed(name, 'it ends in the middle of an item');
  }
  return at;
}

function readHead(view: DataView, at: number, name: string): { size: number; argument: number } {
  if (at >= view.byteLength) throw malformed(name, 'it ends in the middle of an item');
  const info = view.getUint8(at) & 0x1f;
  if (info < 24) return { size: 1, argument: info };
  if (info > 27) {
    throw malformed(name, info === INDEFINITE ? 'an item has no length' : 'reserved item head');
  }
  const width = 1 << (info - 24);
  if (at + width >= view.byteLength) throw malformed(name, 'it ends in the middle of an item');
  return { size: 1 + width, argument: readUnsigned(view, at + 1, width) };
}

function readUnsigned(view: DataView, at: number, width: number): number {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at);
  if (width === 4) return view.getUint32(at);
  // Precise enough: whatever needs more than 53 bits is beyond the input.
  return Number(view.getBigUint64(at));
}

function malformed(name: string, problem: string): CmcdError {
  return new CmcdError('ERR_METADATA_FORMAT', `${name} does not hold CBOR items: ${problem}`);
}
