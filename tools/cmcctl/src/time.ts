import { UsageError } from '@cmc/host';
import type { CmcctlSettings } from './settings.ts';

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** The time to verify for, when it is not now. @throws {UsageError} nobody asked for it explicitly */
export function archiveTime(settings: CmcctlSettings): Date | undefined {
  const { at, archived } = settings;
  if (at === undefined) return undefined;
  if (archived !== true) {
    throw new UsageError('at: a verdict for another time than now needs --archived');
  }
  const time = new Date(at);
  if (RFC3339.test(at) && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(`at: expected a time like 2026-01-31T12:00:00Z, got "${at}"`);
}
