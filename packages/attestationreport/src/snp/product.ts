/** Generations of processors with SEV-SNP, by the names of AMD's certificates. */
export type SnpProduct = 'Milan' | 'Genoa' | 'Turin';

/** All generations. */
export const SNP_PRODUCTS: readonly SnpProduct[] = Object.freeze(['Milan', 'Genoa', 'Turin']);

/** Family, model and stepping of the processor, as CPUID combines them. */
export interface SnpCpuid {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

/** The generation of a processor, or `undefined` when its family and model are not known. */
export function productOfCpuid({ family, model }: SnpCpuid): SnpProduct | undefined {
  if (family === 0x19) {
    if (model <= 0x0f) return 'Milan';
    // Bergamo and Siena (A0 to AF) have the certificates of Genoa.
    if (model <= 0x1f || (model >= 0xa0 && model <= 0xaf)) return 'Genoa';
  }
  return family === 0x1a && model <= 0x1f ? 'Turin' : undefined;
}

/** The generation with this name, whatever its case. */
export function productOfName(name: string): SnpProduct | undefined {
  return SNP_PRODUCTS.find((product) => product.toLowerCase() === name.toLowerCase());
}

/** Bytes of a chip id in certificates; those behind them in a report are zero. */
export function chipIdLength(product: SnpProduct): number {
  return product === 'Turin' ? 8 : 64;
}
