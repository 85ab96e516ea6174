import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TlsSignRequest } from '@cmc/api';
import { createFakeCa, type FakeCa, type FakeKeyAlgorithm } from '@cmc/testkit';
import { openRemoteKeys } from '@cmc/tls-remote-key';
import { onTestFinished } from 'vitest';
import { type DaemonKey, openDaemonKey } from '../../src/index.ts';

export const KEY_ID: string = '0b1c5a3e-7f7d-4ab8-9a70-1d2f3c4b5a69';

/** Whether tests of remote keys cannot run; in CI it throws instead. */
export function addonIsMissing(): boolean {
  try {
    openRemoteKeys();
    return false;
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error;
    console.warn(`skipped, the addon of @cmc/tls-remote-key is missing (npm run native): ${error}`);
    return true;
  }
}

export const ca: FakeCa = createFakeCa({ commonName: 'CA of daemons' });

export interface KeyDaemon {
  readonly cmc: { readonly api: 'socket'; readonly address: string };
  /** What it was asked to sign. */
  requests(): Promise<readonly TlsSignRequest[]>;
  stop(): Promise<unknown>;
}

export async function startDaemon(
  algorithm: FakeKeyAlgorithm = 'EC256',
  data: { readonly delayMs?: number; readonly digestsOnly?: boolean } = {},
): Promise<KeyDaemon> {
  const issued = await ca.issue({
    commonName: 'server',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    keyAlgorithm: algorithm,
  });
  const worker = new Worker(new URL('./key-daemon.mjs', import.meta.url), {
    workerData: {
      // A thread cannot set the mode of a Unix socket.
      address: 'tcp://127.0.0.1:0',
      keyId: KEY_ID,
      pem: issued.privateKeyPem,
      chain: [Buffer.from(issued.certificatePem)],
      delayMs: 0,
      digestsOnly: false,
      ...data,
    },
    execArgv: [],
  });
  const stop = (): Promise<unknown> => worker.terminate();
  onTestFinished(async () => {
    await stop();
  });
  const [address] = await once(worker, 'message');
  return {
    cmc: { api: 'socket', address },
    stop,
    async requests() {
      worker.postMessage('requests');
      const [requests] = await once(worker, 'message');
      return requests;
    },
  };
}

export async function open(
  daemon: KeyDaemon,
  options: Partial<Parameters<typeof openDaemonKey>[0]> = {},
): Promise<DaemonKey> {
  const key = await openDaemonKey({ cmc: daemon.cmc, keyId: KEY_ID, ...options });
  onTestFinished(() => key.close());
  return key;
}
