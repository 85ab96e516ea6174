import { toHex } from '@cmc/bytes';

/** Name of a bank in output: `SHA-256` is `sha256`. */
export function bankKey(bank: string): string {
  return bank.replace('-', '').toLowerCase();
}

/** Register values in hex, by register number. */
export function registersOf(
  values: ReadonlyMap<number, Uint8Array>,
): Readonly<Record<string, string>> {
  return Object.fromEntries([...values].map(([register, value]) => [register, toHex(value)]));
}
