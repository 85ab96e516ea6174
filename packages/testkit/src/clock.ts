/** A clock that stands still until told otherwise. */
export interface FixedClock {
  /** The time; needs no `this`, and every call gives a new object. */
  readonly now: () => Date;
  readonly advance: (milliseconds: number) => void;
}

/** A clock that shows `at` (RFC 3339). */
export function fixedClock(at = '2026-06-01T12:00:00Z'): FixedClock {
  let time = Date.parse(at);
  if (Number.isNaN(time)) throw new RangeError(`fixedClock: ${at} is not a date`);
  return {
    now: () => new Date(time),
    advance: (milliseconds) => {
      time += milliseconds;
    },
  };
}
