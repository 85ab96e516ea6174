import type { Product } from './product.ts';

/** Security version numbers of the firmware that a chip runs, 0 to 255 each. */
export interface Tcb {
  /** Only Turin has it. */
  readonly fmc?: number;
  readonly bl: number;
  readonly tee: number;
  readonly snp: number;
  readonly ucode: number;
}

type Part = keyof Tcb;

/** Byte of each part in a TCB_VERSION, little endian. */
const BYTES: Readonly<Record<Product, readonly (readonly [Part, number])[]>> = Object.freeze({
  Milan: [
    ['bl', 0],
    ['tee', 1],
    ['snp', 6],
    ['ucode', 7],
  ],
  Genoa: [
    ['bl', 0],
    ['tee', 1],
    ['snp', 6],
    ['ucode', 7],
  ],
  Turin: [
    ['fmc', 0],
    ['bl', 1],
    ['tee', 2],
    ['snp', 3],
    ['ucode', 7],
  ],
});

/** The parts that a TCB of `product` has, in the order of the service's addresses. */
export function tcbParts(product: Product): readonly Part[] {
  return BYTES[product].map(([part]) => part);
}

/** The TCB in the eight bytes of a TCB_VERSION of an attestation report. */
export function decodeTcb(product: Product, bytes: Uint8Array): Tcb {
  if (bytes.length !== 8) throw new RangeError(`TCB: expected 8 bytes, got ${bytes.length}`);
  const tcb: Partial<Record<Part, number>> = {};
  for (const [part, at] of BYTES[product]) tcb[part] = bytes[at] ?? 0;
  const { fmc, bl = 0, tee = 0, snp = 0, ucode = 0 } = tcb;
  return { ...(fmc === undefined ? {} : { fmc }), bl, tee, snp, ucode };
}

/** The eight bytes of a TCB_VERSION. @throws {RangeError} a part is missing, too many, or no byte */
export function encodeTcb(product: Product, tcb: Tcb): Uint8Array {
  if (product !== 'Turin' && tcb.fmc !== undefined) {
    throw new RangeError(`fmc: a TCB of ${product} has none`);
  }
  const bytes = new Uint8Array(8);
  for (const [part, at] of BYTES[product]) {
    const value = tcb[part];
    if (value === undefined || !Number.isInteger(value) || value < 0 || value > 255) {
      throw new RangeError(`${part}: expected 0 to 255, got ${value}`);
    }
    bytes[at] = value;
  }
  return bytes;
}
