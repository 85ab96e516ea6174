import type { WaitOptions } from '@cmc/attestationreport';
import type { Tpm } from 'tpm2-ts';
import { TpmDriverError } from './errors.ts';
import type { Bank } from './log/snapshot.ts';

const STATIC_PCRS: readonly number[] = [...Array.from({ length: 17 }, (_, pcr) => pcr), 23];
const DYNAMIC_PCRS: readonly number[] = [17, 18, 19, 20, 21, 22];
const FIRST_DYNAMIC_PCR = 17;

/**
 * The PCRs that are quoted, with their values: 0 to 16 and 23, or, after a dynamic launch, 17 to 22;
 * without `excluded`.
 * @throws {TpmDriverError} ERR_TPM_DRIVER_BANK: the TPM has not all of them in this bank
 */
export async function readQuotedPcrs(
  tpm: Tpm,
  bank: Bank,
  excluded: readonly number[],
  wait: WaitOptions,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const all = await tpm.pcrs.read(bank, [...STATIC_PCRS, ...DYNAMIC_PCRS], wait);
  // All ones until a dynamic launch resets it to zeros.
  const isDynamic = all.get(FIRST_DYNAMIC_PCR)?.some((byte) => byte !== 0xff) === true;
  const chosen = (isDynamic ? DYNAMIC_PCRS : STATIC_PCRS).filter((pcr) => !excluded.includes(pcr));
  return new Map(
    chosen.map((pcr) => {
      const value = all.get(pcr);
      if (value !== undefined) return [pcr, value];
      const message = `the TPM has no PCR ${pcr} in bank ${bank}`;
      throw new TpmDriverError('ERR_TPM_DRIVER_BANK', message);
    }),
  );
}
