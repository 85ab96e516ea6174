/** Family, model and stepping of the processors that QEMU offers, as guests see them. */
const PROCESSORS: Readonly<Record<string, readonly [number, number, number]>> = Object.freeze({
  EPYC: [23, 1, 2],
  'EPYC-v1': [23, 1, 2],
  'EPYC-v2': [23, 1, 2],
  'EPYC-IBPB': [23, 1, 2],
  'EPYC-v3': [23, 1, 2],
  'EPYC-v4': [23, 1, 2],
  'EPYC-Rome': [23, 49, 0],
  'EPYC-Rome-v1': [23, 49, 0],
  'EPYC-Rome-v2': [23, 49, 0],
  'EPYC-Rome-v3': [23, 49, 0],
  'EPYC-Milan': [25, 1, 1],
  'EPYC-Milan-v1': [25, 1, 1],
  'EPYC-Milan-v2': [25, 1, 1],
  'EPYC-Genoa': [25, 17, 0],
  'EPYC-Genoa-v1': [25, 17, 0],
  'EPYC-Turin': [26, 0, 0],
});

export const PROCESSOR_TYPES: readonly string[] = Object.freeze(Object.keys(PROCESSORS));

/** CPUID signature of a processor type; undefined for one that is not known. */
export function processorSignature(type: string): number | undefined {
  const numbers = PROCESSORS[type];
  return numbers === undefined ? undefined : cpuSignature(...numbers);
}

/** EAX of CPUID function 1 (AMD 25481): how family, model and stepping are packed. */
export function cpuSignature(family: number, model: number, stepping: number): number {
  const [base, extended] = family > 0xf ? [0xf, family - 0xf] : [family, 0];
  return (
    ((extended << 20) | ((model >> 4) << 16) | (base << 8) | ((model & 0xf) << 4) | stepping) >>> 0
  );
}
