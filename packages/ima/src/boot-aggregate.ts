import { concatBytes } from '@cmc/bytes';
import { digest, type HashName } from './algorithms.ts';

/** PCRs that `boot_aggregate` covers: kernels from 5.8 on include 8 and 9 but for SHA-1. */
export function bootAggregatePcrs(bank: HashName): readonly number[] {
  const last = bank === 'SHA-1' ? 7 : 9;
  return Array.from({ length: last + 1 }, (_, pcr) => pcr);
}

/**
 * The digest that the first entry of a list must have for these PCR values of one bank, all of them
 * from the same quote; `undefined` when a value is missing.
 */
export function bootAggregate(
  pcrs: ReadonlyMap<number, Uint8Array>,
  bank: HashName,
): Uint8Array | undefined {
  const values: Uint8Array[] = [];
  for (const pcr of bootAggregatePcrs(bank)) {
    const value = pcrs.get(pcr);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return digest(bank, concatBytes(...values));
}
