import { setTimeout as sleep } from 'node:timers/promises';
import type { WaitOptions } from '@cmc/attestationreport';
import { isTpmResponse, openTpm, type Tpm, TpmError } from 'tpm2-ts';

/** How a connection to the TPM is made. */
export type OpenTpm = (options?: WaitOptions) => Promise<Tpm>;

/** Something that is done with the TPM; what it loads is flushed in the end. */
export type TpmWork<T> = (tpm: Tpm, options: WaitOptions) => Promise<T>;

/** The TPM, for one piece of work after another. */
export interface TpmAccess {
  /**
   * Runs `work` with a connection of its own. When the TPM has no room for it, because other
   * programs use it too, it is run again from the start: it has to be repeatable.
   */
  use<T>(work: TpmWork<T>, options?: WaitOptions): Promise<T>;
}

/** Longest time one command may take, waiting for other programs included. */
const COMMAND_MS = 30_000;
const UNIX = 'unix://';
/** How often work is begun. With the pauses this is about 3 s of waiting for others. */
const MAX_ATTEMPTS = 12;
const MAX_PAUSE_MS = 500;
/** Others have loaded so much that there is no room. */
const NO_ROOM: readonly string[] = [
  'OBJECT_MEMORY',
  'OBJECT_HANDLES',
  'SESSION_MEMORY',
  'SESSION_HANDLES',
  'MEMORY',
];
/** `/dev/tpm0` is for one program at a time, and so are sockets of software TPMs. */
const BUSY: readonly string[] = ['EBUSY', 'EAGAIN'];

/**
 * The TPM behind a device file, or, as `unix:///path`, a software TPM behind a socket. Default:
 * `/dev/tpmrm0`, else `/dev/tpm0`.
 */
export function deviceOpener(address?: string): OpenTpm {
  const where =
    address === undefined
      ? {}
      : address.startsWith(UNIX)
        ? { socket: { path: address.slice(UNIX.length) } }
        : { device: address };
  return async ({ signal } = {}) =>
    await openTpm({
      timeoutMs: COMMAND_MS,
      ...where,
      ...(signal === undefined ? {} : { signal }),
    });
}

/**
 * One piece of work at a time, so that no more is loaded than one needs: TPMs have room for three
 * objects. Nothing stays loaded and no connection open in between, so that programs can share it.
 */
export function createTpmAccess(open: OpenTpm): TpmAccess {
  let last: Promise<unknown> = Promise.resolve();
  return {
    use: async (work, options = {}) => {
      const turn = last.then(() => attempt(open, work, options));
      last = turn.catch(() => undefined);
      return await turn;
    },
  };
}

async function attempt<T>(open: OpenTpm, work: TpmWork<T>, options: WaitOptions): Promise<T> {
  const { signal } = options;
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted();
    try {
      await using tpm = await open(options);
      return await work(tpm, options);
    } catch (error) {
      if (!isOccupied(error) || attempts === MAX_ATTEMPTS) throw error;
      const pause = Math.min(2 ** attempts, MAX_PAUSE_MS) * (0.5 + Math.random());
      await sleep(pause, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Whether others are in the way: the same may work in a moment. */
function isOccupied(error: unknown): boolean {
  if (NO_ROOM.some((name) => isTpmResponse(error, name))) return true;
  const cause = error instanceof TpmError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && BUSY.includes(String(cause.code));
}
