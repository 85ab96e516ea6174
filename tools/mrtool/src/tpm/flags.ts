import { UsageError } from '@cmc/host';
import type { HashName } from '@cmc/ima';

const BANKS: readonly HashName[] = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];
const LAST_PCR = 23;

/** `SHA-256,sha384`. @throws {UsageError} */
export function parseBanks(text: string): readonly HashName[] {
  return [...new Set(text.split(',').map(parseBank))];
}

/** `SHA-256` or `sha256`. @throws {UsageError} */
export function parseBank(text: string): HashName {
  const bank = BANKS.find((each) => plain(each) === plain(text));
  if (bank !== undefined) return bank;
  throw new UsageError(`--bank: expected ${BANKS.join(', ')}, got "${text}"`);
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
