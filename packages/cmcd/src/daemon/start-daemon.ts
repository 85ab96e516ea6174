import type { ApiName, ApiServer } from '@cmc/api';
import { type Logger, silentLogger } from '@cmc/bytes';
import type { LocalCmc } from '../cmc/create-cmc.ts';
import { checkConfig } from '../config/check-config.ts';
import { endpointsOf } from '../config/endpoints.ts';
import type { CmcdConfig } from '../config/schema.ts';
import { openPeerCache, type PeerCache } from '../peer-cache/peer-cache.ts';
import { assembleCmc } from './assemble-cmc.ts';
import type { Metrics } from './metrics.ts';
import { type ObservedCall, observeCmc } from './observe.ts';
import { serveEndpoint } from './serve.ts';

/** Time that running calls get when the daemon stops. */
export const STOP_GRACE_MS = 5_000;

/** A daemon that serves its endpoints. */
export interface Daemon extends AsyncDisposable {
  /** Where each API is reached, with real ports. */
  readonly endpoints: readonly { readonly api: ApiName; readonly address: string }[];
  /** URL of the metrics, when they are served. */
  readonly metricsAddress?: string;
  /** Loads our own metadata anew. */
  reload(): Promise<void>;
  /** Stops accepting, lets running calls finish for a while, and closes everything. */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Starts what `config` describes. Everything listens when it resolves, and nothing does when it
 * rejects.
 *
 * @throws {CmcError} codes of @cmc/host, @cmc/api, @cmc/driver-sw and this package
 */
export async function startDaemon(
  config: CmcdConfig,
  options: { readonly logger?: Logger } = {},
): Promise<Daemon> {
  const { logger = silentLogger } = options;
  checkConfig(config);
  const endpoints = endpointsOf(config);
  const { peerCache: directory } = config;
  const peerCache = await openPeerCache({
    logger,
    ...(directory === undefined ? {} : { directory }),
  });
  const cmc = await assembleCmc(config, { peerCache, logger });

  const servers: { readonly api: ApiName; readonly server: ApiServer }[] = [];
  let metrics: Metrics | undefined;
  let stopped: Promise<void> | undefined;
  const shutDown = async (graceMs: number): Promise<void> => {
    await Promise.all(servers.map(({ server }) => server.close({ graceMs })));
    await metrics?.close();
    await cmc[Symbol.asyncDispose]();
  };
  const stop: Daemon['stop'] = async ({ graceMs = STOP_GRACE_MS } = {}) => {
    stopped ??= shutDown(graceMs);
    await stopped;
  };

  try {
    metrics = await openMetrics(config.metricsAddr, cmc, peerCache);
    if (metrics !== undefined) logger.info({ address: metrics.address }, 'serving metrics');
    for (const endpoint of endpoints) {
      const { api } = endpoint;
      const observed = observeCmc(cmc, (call) => {
        logCall(logger, api, call);
        metrics?.observe(api, call);
      });
      const server = await serveEndpoint(observed, endpoint, logger);
      servers.push({ api, server });
      logger.info({ api, address: server.address }, 'listening');
    }
  } catch (error) {
    await stop({ graceMs: 0 });
    throw error;
  }
  return {
    endpoints: servers.map(({ api, server }) => ({ api, address: server.address })),
    ...(metrics === undefined ? {} : { metricsAddress: metrics.address }),
    reload: async () => void (await cmc.updateMetadata()),
    stop,
    [Symbol.asyncDispose]: async () => await stop(),
  };
}

async function openMetrics(
  address: string | undefined,
  cmc: LocalCmc,
  peerCache: PeerCache,
): Promise<Metrics | undefined> {
  if (address === undefined) return undefined;
  const { serveMetrics } = await import('./metrics.ts');
  return await serveMetrics(address, {
    peerCache: () => peerCache.size,
    metadata: () => cmc.ownMetadata(),
    tlsKeys: () => cmc.tlsKeys(),
  });
}

/** Calls that succeed are logged by the server already. */
function logCall(logger: Logger, api: ApiName, { operation, outcome }: ObservedCall): void {
  if (outcome.startsWith('ERR_')) logger.warn({ api, operation, code: outcome }, 'call failed');
  if (outcome === 'fail') logger.warn({ api }, 'a report was refused');
}
