import type { Artifact, Component, WaitOptions } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import { resetValue } from '@cmc/eventlog';
import type { TpmAccess } from '../device/tpm-access.ts';
import { TpmDriverError } from '../errors.ts';
import type { ReadableContainerLog } from './container-events.ts';
import { digestIn, extendAll } from './snapshot.ts';

/** A log of containers that can grow: `openContainerLog` of @cmc/driver-sw is one. */
export interface AppendableContainerLog extends ReadableContainerLog {
  append(event: Component, options?: WaitOptions): Promise<'appended' | 'known'>;
}

const BANK = 'SHA-256';

/**
 * A container log whose events are extended into the PCR of its index, too. The event is in the log
 * before it is in the PCR, as the kernel does it: after a crash in between, the next append, or the
 * next start, sees from the value of the PCR which events are missing in it, and extends them. After
 * a reboot these are all: a log that was kept says more than was started, never less.
 */
export function measuredContainerLog(
  log: AppendableContainerLog,
  access: TpmAccess,
): AppendableContainerLog {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return await turn;
  };
  let isSettled = false;
  return {
    read: async (options = {}) =>
      await inTurn(async () => {
        const artifact = await log.read(options);
        // Where others extended the PCR too, verifiers are to see it.
        if (artifact !== undefined && !isSettled) await extendMissing(artifact, access, options);
        isSettled = true;
        return artifact;
      }),
    append: async (event, options = {}) =>
      await inTurn(async () => {
        const outcome = await log.append(event, options);
        const artifact = await log.read(options);
        if (artifact === undefined || (await extendMissing(artifact, access, options))) {
          return outcome;
        }
        const message = `PCR ${artifact.index} has a value that no part of the container log gives`;
        throw new TpmDriverError('ERR_TPM_DRIVER_CONTAINER_LOG', message);
      }),
  };
}

/** Whether the PCR is where the log is now: not when others extended it. */
async function extendMissing(
  { index: pcr, events = [] }: Artifact,
  access: TpmAccess,
  options: WaitOptions,
): Promise<boolean> {
  return await access.use(async (tpm, wait) => {
    const value = (await tpm.pcrs.read(BANK, [pcr], wait)).get(pcr);
    const done = value === undefined ? undefined : eventsIn(value, pcr, events);
    if (done === undefined) return false;
    for (const event of events.slice(done)) {
      const digest = digestIn(event, BANK);
      if (digest !== undefined) await tpm.pcrs.extend(pcr, new Map([[BANK, digest]]), wait);
    }
    return true;
  }, options);
}

/** How many events from the first on give the value of a PCR. */
function eventsIn(
  value: Uint8Array,
  pcr: number,
  events: readonly Component[],
): number | undefined {
  let reached = resetValue(pcr, BANK);
  for (let count = 0; ; count++) {
    if (equalBytes(reached, value)) return count;
    const event = events[count];
    if (event === undefined) return undefined;
    reached = extendAll(reached, [event], BANK);
  }
}
