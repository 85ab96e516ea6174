import { ByteReader, encodeUtf8, equalBytes } from '@cmc/bytes';
import { digestSize } from '@cmc/bytes/hash';
import { bankOf } from './algorithms.ts';
import type { LogAlgorithm } from './event-log.ts';

const SIGNATURE = encodeUtf8('Spec ID Event03\0');
const MAX_ALGORITHMS = 16;
const MAX_DIGEST_BYTES = 128;
const MAJOR_VERSION = 2;

/** Whether the data of the first record announces a crypto-agile log. */
export function isSpecId(data: Uint8Array): boolean {
  return equalBytes(data.subarray(0, SIGNATURE.length), SIGNATURE);
}

/**
 * Digest algorithms that a crypto-agile log uses (TCG_EfiSpecIdEvent).
 * @throws {DecodeError} malformed, no or doubled algorithms, wrong size of a known one
 */
export function parseSpecId(data: Uint8Array): readonly LogAlgorithm[] {
  const reader = new ByteReader(data, 'specId', 'little');
  reader.bytes(SIGNATURE.length);
  reader.field('platformClass', (r) => r.u32());
  reader.field('specVersionMinor', (r) => r.u8());
  const major = reader.field('specVersionMajor', (r) => r.u8());
  if (major !== MAJOR_VERSION) {
    reader.fail('ERR_DECODE_VALUE', `major version ${major}, expected ${MAJOR_VERSION}`);
  }
  reader.field('specErrata', (r) => r.u8());
  reader.field('uintnSize', (r) => r.u8());
  const algorithms = reader.field('digestSizes', readAlgorithms);
  reader.field('vendorInfo', (r) => r.bytes(r.u8()));
  reader.end();
  return algorithms;
}

function readAlgorithms(reader: ByteReader): LogAlgorithm[] {
  const count = reader.u32();
  if (count === 0 || count > MAX_ALGORITHMS) {
    reader.fail('ERR_DECODE_LIMIT', `${count} algorithms, expected 1 to ${MAX_ALGORITHMS}`);
  }
  const algorithms: LogAlgorithm[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.u16();
    const size = reader.u16();
    const bank = bankOf(id);
    if (algorithms.some((other) => other.id === id)) {
      reader.fail('ERR_DECODE_DUPLICATE', `algorithm 0x${id.toString(16)} twice`);
    }
    if (bank === undefined ? size === 0 || size > MAX_DIGEST_BYTES : size !== digestSize(bank)) {
      reader.fail('ERR_DECODE_VALUE', `digest size ${size} of algorithm 0x${id.toString(16)}`);
    }
    algorithms.push({ id, size, ...(bank === undefined ? {} : { bank }) });
  }
  return algorithms;
}
