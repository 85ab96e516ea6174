import { setTimeout } from 'node:timers/promises';
import type { WaitOptions } from '@cmc/attestationreport';
import { SnpDriverError } from './errors.ts';
import type { RawReport } from './report-source.ts';

export const MAX_ATTEMPTS = 8;

/**
 * The report that one of {@link MAX_ATTEMPTS} attempts gives, with longer and longer pauses between
 * them. An attempt that may be made again gives its error, which is thrown after the last; one that
 * throws ends it.
 */
export async function retried(
  attempt: () => Promise<RawReport | SnpDriverError>,
  firstPauseMs: number,
  { signal }: WaitOptions,
): Promise<RawReport> {
  let pause = firstPauseMs;
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted();
    const outcome = await attempt();
    if (!(outcome instanceof SnpDriverError)) return outcome;
    if (attempts === MAX_ATTEMPTS) throw outcome;
    await setTimeout(pause, undefined, signal === undefined ? {} : { signal });
    pause *= 2;
  }
}
