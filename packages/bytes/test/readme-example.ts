import { ByteReader, ByteWriter, DecodeError, fromHex, toHex } from '@cmc/bytes';

export function decodeClockInfo(bytes: Uint8Array): { clock: bigint; resetCount: number } {
  const reader = new ByteReader(bytes, 'CLOCK_INFO');
  const clock = reader.field('clock', (r) => r.u64());
  const resetCount = reader.field('resetCount', (r) => r.u32());
  reader.end();
  return { clock, resetCount };
}

export const encoded: string = toHex(new ByteWriter().u64(1000n).u32(3).finish());
try {
  decodeClockInfo(fromHex('00'));
} catch (error) {
  if (error instanceof DecodeError) console.log(error.code, error.message);
  // ERR_DECODE_TRUNCATED CLOCK_INFO.clock@0x0: need 8 bytes, have 1
}
