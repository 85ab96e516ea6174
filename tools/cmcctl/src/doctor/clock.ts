import { UsageError } from '@cmc/host';
import { type Check, reasonOf } from './check.ts';

/** The verifier's leeway for clocks; above, new certificates and manifests are refused. */
const MAX_OFFSET_MS = 60_000;
const WARN_OFFSET_MS = 5_000;
const TIMEOUT_MS = 10_000;
/** A Date header has whole seconds: on average half of one is cut off. */
const HALF_SECOND_MS = 500;

/** Compares the clock with the Date header of a server. @throws {UsageError} not a URL for that */
export async function clockCheck(source: string): Promise<Check> {
  if (!/^https?:\/\//.test(source) || !URL.canParse(source)) {
    throw new UsageError(`time-source: expected http://… or https://…, got "${source}"`);
  }
  const id = 'clock';
  try {
    const start = Date.now();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { headers } = await fetch(source, { method: 'HEAD', redirect: 'manual', signal });
    const middle = (start + Date.now()) / 2;
    const theirs = Date.parse(headers.get('date') ?? '');
    if (Number.isNaN(theirs)) {
      return { id, state: 'warning', text: `${source} does not tell the time`, remedy: OTHER };
    }
    return judge(middle - (theirs + HALF_SECOND_MS), source);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const text = `${source} cannot be asked for the time: ${reasonOf(cause)}`;
    return { id, state: 'warning', text, remedy: OTHER };
  }
}

const OTHER = 'name another server with --time-source';

function judge(offsetMs: number, source: string): Check {
  const id = 'clock';
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  const text = `the clock is ${seconds} s ${offsetMs < 0 ? 'behind' : 'ahead of'} ${source}`;
  if (Math.abs(offsetMs) <= WARN_OFFSET_MS) return { id, state: 'ok', text };
  const state = Math.abs(offsetMs) > MAX_OFFSET_MS ? 'problem' : 'warning';
  return {
    id,
    state,
    text,
    remedy: 'set the clock and keep it with NTP (timedatectl set-ntp true)',
  };
}
