import type { HashName } from '@cmc/bytes/hash';

/** TPM_ALG_ID (TCG Algorithm Registry) of the banks that can be replayed. */
const IDS: Readonly<Record<HashName, number>> = Object.freeze({
  'SHA-1': 0x0004,
  'SHA-256': 0x000b,
  'SHA-384': 0x000c,
  'SHA-512': 0x000d,
});

/** TPM_ALG_ID of a bank. */
export function algorithmId(bank: HashName): number {
  return IDS[bank];
}

/** The bank that a TPM_ALG_ID stands for, `undefined` when it cannot be replayed here. */
export function bankOf(id: number): HashName | undefined {
  return (Object.keys(IDS) as HashName[]).find((name) => IDS[name] === id);
}
