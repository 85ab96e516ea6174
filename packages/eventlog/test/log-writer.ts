import { ByteWriter, encodeUtf8 } from '@cmc/bytes';

export interface WrittenEvent {
  readonly pcr: number;
  readonly type: number;
  readonly data?: Uint8Array;
  /** By TPM_ALG_ID; default: a SHA-256 digest of 0x11 bytes. */
  readonly digests?: readonly (readonly [algorithm: number, value: Uint8Array])[];
}

const SHA256: readonly (readonly [number, number])[] = [[0x000b, 32]];

/** A crypto-agile log. */
export function writeLog(events: readonly WrittenEvent[], algorithms = SHA256): Uint8Array {
  const spec = new ByteWriter('little').bytes(encodeUtf8('Spec ID Event03\0'));
  spec.u32(0).u8(0).u8(2).u8(0).u8(2).u32(algorithms.length);
  for (const [id, size] of algorithms) spec.u16(id).u16(size);
  const specId = spec.u8(0).finish();
  const log = new ByteWriter('little').u32(0).u32(3).bytes(new Uint8Array(20));
  log.u32(specId.length).bytes(specId);
  for (const { pcr, type, data = new Uint8Array(0), digests } of events) {
    const values = digests ?? [[0x000b, new Uint8Array(32).fill(0x11)] as const];
    log.u32(pcr).u32(type).u32(values.length);
    for (const [id, value] of values) log.u16(id).bytes(value);
    log.u32(data.length).bytes(data);
  }
  return log.finish();
}

export function locality(value: number): Uint8Array {
  return Uint8Array.from([...encodeUtf8('StartupLocality\0'), value]);
}
