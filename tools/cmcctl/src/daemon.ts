import { type CmcClient, createCmcClient } from '@cmc/api';
import type { CmcAddress } from '@cmc/attested-tls';
import { CmcError } from '@cmc/bytes';
import { DEFAULT_CMC_ADDRESS } from '@cmc/host';
import type { CmcctlSettings } from './settings.ts';

const DEFAULT_TIMEOUT_SECONDS = 30;

/** Where the daemon is, and how to talk to it. */
export function daemonAddress(settings: CmcctlSettings): Required<CmcAddress> {
  return {
    api: settings.api ?? 'socket',
    address: settings.cmcAddr ?? DEFAULT_CMC_ADDRESS,
    serialization: settings.serialization ?? 'cbor',
  };
}

/** Runs `use` with a client of the daemon, which is closed afterwards. */
export async function withDaemon<T>(
  settings: CmcctlSettings,
  use: (cmc: CmcClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await withDeadline(settings, async (signal) => {
    const client = await createCmcClient(daemonAddress(settings));
    try {
      return await use(client, signal);
    } finally {
      await client.close();
    }
  });
}

/** Runs `use` until the deadline of the command. @throws {CmcError} ERR_CMCCTL_TIMEOUT */
export async function withDeadline<T>(
  settings: CmcctlSettings,
  use: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const seconds = timeoutOf(settings);
  const signal = AbortSignal.timeout(seconds * 1000);
  try {
    return await use(signal);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new CmcError('ERR_CMCCTL_TIMEOUT', `not done within ${seconds} s`, { cause });
  }
}

/** Seconds that a command may take. */
export function timeoutOf({ timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: CmcctlSettings): number {
  return timeoutSeconds;
}
