import type { SnpProduct } from './product.ts';

/** Parts of a TCB, in the order in which results have them. */
export const SNP_TCB_PARTS: readonly SnpTcbPart[] = Object.freeze([
  'fmc',
  'bl',
  'tee',
  'snp',
  'ucode',
]);
export type SnpTcbPart = 'fmc' | 'bl' | 'tee' | 'snp' | 'ucode';

/** Security version numbers of the firmware, 0 to 255 each; `fmc` is 0 before Turin. */
export type SnpTcbVersion = Readonly<Record<SnpTcbPart, number>>;

const BYTES: Readonly<Record<'old' | 'Turin', Readonly<Partial<Record<SnpTcbPart, number>>>>> =
  Object.freeze({
    old: { bl: 0, tee: 1, snp: 6, ucode: 7 },
    Turin: { fmc: 0, bl: 1, tee: 2, snp: 3, ucode: 7 },
  });

/** The parts of the 8 bytes of a TCB_VERSION; the bytes mean something else since Turin. */
export function decodeTcb(bytes: Uint8Array, product: SnpProduct): SnpTcbVersion {
  const places = placesOf(product);
  const part = (name: SnpTcbPart): number => {
    const place = places[name];
    return place === undefined ? 0 : (bytes[place] ?? 0);
  };
  return {
    fmc: part('fmc'),
    bl: part('bl'),
    tee: part('tee'),
    snp: part('snp'),
    ucode: part('ucode'),
  };
}

/** The 8 bytes of a TCB_VERSION. @throws {RangeError} a part is no byte, or not 0 where there is none */
export function encodeTcb(tcb: SnpTcbVersion, product: SnpProduct): Uint8Array {
  const places = placesOf(product);
  const bytes = new Uint8Array(8);
  for (const part of SNP_TCB_PARTS) {
    const [value, place] = [tcb[part], places[part]];
    const max = place === undefined ? 0 : 255;
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new RangeError(`${part} of ${product}: expected 0 to ${max}, got ${value}`);
    }
    if (place !== undefined) bytes[place] = value;
  }
  return bytes;
}

/** Whether bytes of a TCB_VERSION are set that have no meaning. */
export function hasReservedTcbBytes(bytes: Uint8Array, product: SnpProduct): boolean {
  const used = new Set(Object.values(placesOf(product)));
  return bytes.some((byte, place) => byte !== 0 && !used.has(place));
}

/** The parts that the TCB of a generation has. */
export function tcbPartsOf(product: SnpProduct): readonly SnpTcbPart[] {
  const places = placesOf(product);
  return SNP_TCB_PARTS.filter((part) => places[part] !== undefined);
}

function placesOf(product: SnpProduct): Readonly<Partial<Record<SnpTcbPart, number>>> {
  return BYTES[product === 'Turin' ? 'Turin' : 'old'];
}
