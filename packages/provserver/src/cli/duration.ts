import { UsageError } from '@cmc/host';

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const MAX_DAYS = 3650;

/** Milliseconds of `30m`, `48h` or `7d`, at most ten years. @throws {UsageError} */
export function parseDuration(text: string, flag: string): number {
  const [, count, unit = ''] = /^([1-9][0-9]{0,6})([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms <= MAX_DAYS * 86_400_000) return ms;
  throw new UsageError(`${flag}: expected a time like 30m, 48h or 7d, got "${text}"`);
}
