import { UsageError } from '@cmc/host';
import type { HashName } from '@cmc/ima';

const BANKS: readonly HashName[] = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];
const LAST_PCR = 23;

/** `SHA-256,sha384`. @throws {UsageError} */
export function parseBanks(text: string): readonly HashName[] {
  const banks = text.split(',').map((part) => {
    const bank = BANKS.find((each) => plain(each) === plain(part));
    if (bank === undefined) {
      throw new UsageError(`--bank: expected ${BANKS.join(', ')}, got "${part}"`);
    }
    return bank;
  });
  return [...new Set(banks)];
}

/** `0-7,9,14`. @throws {UsageError} */
export function parsePcrs(text: string): readonly number[] {
  const pcrs = new Set<number>();
  for (const part of text.split(',')) {
    const [, first = '', last = first] = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part) ?? [];
    const isRange = first !== '' && Number(first) <= Number(last) && Number(last) <= LAST_PCR;
    if (!isRange) {
      throw new UsageError(`--pcrs: expected numbers 0 to ${LAST_PCR} like 0-7,9, got "${text}"`);
    }
    for (let pcr = Number(first); pcr <= Number(last); pcr++) pcrs.add(pcr);
  }
  return [...pcrs].sort((a, b) => a - b);
}

function plain(bank: string): string {
  return bank.replace('-', '').toLowerCase();
}
