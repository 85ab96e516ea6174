import { type CmcClient, createCmcClient } from '@cmc/api';
import { DEFAULT_CMC_ADDRESS } from '@cmc/host';
import type { TestclientSettings } from './settings.ts';

/** Where the daemon is, and how to talk to it. */
export function daemonAddress(settings: TestclientSettings): {
  readonly api: 'grpc' | 'coap' | 'socket';
  readonly address: string;
  readonly serialization: 'json' | 'cbor';
} {
  return {
    api: settings.api ?? 'socket',
    address: settings.cmcAddr ?? DEFAULT_CMC_ADDRESS,
    serialization: settings.serialization ?? 'cbor',
  };
}

/** Runs `use` with a client of the daemon, which is closed afterwards. */
export async function withDaemon<T>(
  settings: TestclientSettings,
  use: (cmc: CmcClient) => Promise<T>,
): Promise<T> {
  const client = await createCmcClient(daemonAddress(settings));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Ends when the deadline of the command is over. */
export function deadline(settings: TestclientSettings): AbortSignal {
  return AbortSignal.timeout((settings.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000);
}

const DEFAULT_TIMEOUT_SECONDS = 30;
