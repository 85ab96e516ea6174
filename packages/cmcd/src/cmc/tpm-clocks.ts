import type { TpmClock, TpmClockStore } from '@cmc/attestationreport';
import { type Logger, silentLogger } from '@cmc/bytes';
import * as v from 'valibot';
import { recordFile } from './record-file.ts';

/** Attestation keys whose clocks are remembered; beyond, the one accepted longest ago is forgotten. */
export const MAX_REMEMBERED_CLOCKS = 4_096;
/** Time in which quotes of one TPM may overtake each other: that of one attestation, at most. */
export const CLOCK_LEEWAY_MS = 20_000;

export interface TpmClocksOptions {
  /**
   * File that keeps them, of this process alone; without one they are forgotten when the process
   * ends.
   */
  readonly file?: string;
  /**
   * How far the clock of a quote may be behind that of one that was accepted before, ms: reports
   * that were made at the same time for several connections arrive in any order. Counters of resets
   * and restarts may never go back. Default {@link CLOCK_LEEWAY_MS}.
   */
  readonly leewayMs?: number;
  readonly logger?: Logger;
}

/** Key, clock, count of resets, count of restarts. */
type Row = readonly [key: string, clock: string, resetCount: number, restartCount: number];

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const rowSchema = v.tuple([
  v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  v.pipe(v.string(), v.regex(/^\d{1,20}$/)),
  count,
  count,
]);
const fileSchema = v.pipe(v.array(rowSchema), v.maxLength(MAX_REMEMBERED_CLOCKS));

/**
 * The furthest clock of every attestation key whose report was accepted.
 * @throws {CmcdError} ERR_CMCD_TPM_CLOCKS the file is there but cannot be read: starting without it
 * would let a TPM pass that was set back
 */
export async function openTpmClocks(options: TpmClocksOptions = {}): Promise<TpmClockStore> {
  const { file, leewayMs = CLOCK_LEEWAY_MS, logger = silentLogger } = options;
  const leeway = BigInt(leewayMs);
  const record = recordFile<Row>({
    path: file,
    schema: fileSchema,
    what: 'clocks of TPMs',
    code: 'ERR_CMCD_TPM_CLOCKS',
    removed: 'to accept TPMs that were set back',
    logger,
  });
  const rows = await record.read();
  // In the order in which they were accepted last.
  const clocks = new Map(rows.map((row) => [row[0], clockOf(row)]));

  return {
    lastSeen: (key) => {
      const last = clocks.get(key);
      if (last === undefined) return undefined;
      return { ...last, clock: last.clock > leeway ? last.clock - leeway : 0n };
    },
    remember: async (key, clock) => {
      const last = clocks.get(key);
      clocks.delete(key);
      clocks.set(key, last === undefined ? clock : furthest(clock, last));
      const [oldest] = clocks.keys();
      if (clocks.size > MAX_REMEMBERED_CLOCKS && oldest !== undefined) {
        clocks.delete(oldest);
        logger.info({ key: oldest }, 'too many TPMs: the clock of one is forgotten');
      }
      await record.write(() => [...clocks].map(rowOf));
    },
  };
}

/** Nothing of what was seen is taken back by a quote that was overtaken. */
function furthest(clock: TpmClock, last: TpmClock): TpmClock {
  const [newer, older] = clock.resetCount < last.resetCount ? [last, clock] : [clock, last];
  const isSameBoot = newer.resetCount === older.resetCount;
  return {
    clock: clock.clock > last.clock ? clock.clock : last.clock,
    resetCount: newer.resetCount,
    restartCount: isSameBoot
      ? Math.max(newer.restartCount, older.restartCount)
      : newer.restartCount,
  };
}

function clockOf([, clock, resetCount, restartCount]: Row): TpmClock {
  return { clock: BigInt(clock), resetCount, restartCount };
}

function rowOf([key, { clock, resetCount, restartCount }]: readonly [string, TpmClock]): Row {
  return [key, String(clock), resetCount, restartCount];
}
