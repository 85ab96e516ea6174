/** Where the clock of a TPM was, in the last quote of a key that was accepted. */
export interface TpmClock {
  /** Milliseconds. */
  readonly clock: bigint;
  /** Goes up with every reboot of the machine. */
  readonly resetCount: number;
  /** Goes up with every restart, also from sleep. */
  readonly restartCount: number;
}

/**
 * Remembers the clocks of TPMs by the key that quotes, so that a quote from before the last accepted
 * one is refused: one that was kept, or one of a machine that was set back to an old snapshot.
 */
export interface TpmClockStore {
  /** `key` is the lower-case hex SHA-256 of the SubjectPublicKeyInfo of the attestation key. */
  lastSeen(key: string): TpmClock | undefined;
  /** Called for every quote of a report that was accepted as a whole. */
  remember(key: string, clock: TpmClock): void | Promise<void>;
}

/** Why a clock is before the last one; `undefined` when it is not. */
export function clockProblem(clock: TpmClock, last: TpmClock | undefined): string | undefined {
  if (last === undefined) return undefined;
  if (clock.resetCount < last.resetCount) {
    return `the TPM counted ${last.resetCount} resets before, now ${clock.resetCount}`;
  }
  if (clock.clock < last.clock) {
    return `the clock of the TPM was at ${last.clock} ms before, now at ${clock.clock} ms`;
  }
  const sameBoot = clock.resetCount === last.resetCount;
  if (sameBoot && clock.restartCount < last.restartCount) {
    return `the TPM counted ${last.restartCount} restarts before, now ${clock.restartCount}`;
  }
  return undefined;
}
