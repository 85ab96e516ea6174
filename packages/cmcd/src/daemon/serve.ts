import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ApiName, type ApiServer, type Cmc, parseAddress } from '@cmc/api';
import type { Logger } from '@cmc/bytes';
import { ConfigError, DEFAULT_CMC_ADDRESS } from '@cmc/host';
import type { EndpointConfig } from '../config/schema.ts';

interface ServeOptions {
  readonly address: string;
  readonly logger: Logger;
}

type Serve = (cmc: Cmc, options: ServeOptions) => Promise<ApiServer>;

/** The servers, each loaded when it is used. */
const SERVERS: Readonly<Record<ApiName, Serve>> = Object.freeze({
  socket: async (cmc, options) =>
    (await import('@cmc/api/socket-server')).serveSocket(cmc, options),
  grpc: async (cmc, options) => (await import('@cmc/api/grpc-server')).serveGrpc(cmc, options),
  coap: async (cmc, options) => (await import('@cmc/api/coap-server')).serveCoap(cmc, options),
});

/** Serves `cmc` at an endpoint. Rejects with the code ERR_API_ADDRESS when it cannot listen there. */
export async function serveEndpoint(
  cmc: Cmc,
  { api, address }: EndpointConfig,
  logger: Logger,
): Promise<ApiServer> {
  if (address === DEFAULT_CMC_ADDRESS) await makeRuntimeFolder(logger);
  await requireFolder(address);
  return await SERVERS[api](cmc, { address, logger });
}

/** systemd makes the folder of the default endpoint; started by hand, nobody else does. */
async function makeRuntimeFolder(logger: Logger): Promise<void> {
  const folder = dirname(DEFAULT_CMC_ADDRESS.replace('unix://', ''));
  await mkdir(folder, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    logger.debug({ error }, 'cannot make the folder of the default endpoint');
  });
}

/** The kernel reports a missing folder as a lack of permission. */
async function requireFolder(address: string): Promise<void> {
  const parsed = parseAddress(address);
  if (parsed.kind !== 'unix') return;
  const folder = dirname(parsed.path);
  await access(folder).catch((cause: unknown) => {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `${address}: there is no folder ${folder}, or it cannot be entered`,
      { cause },
    );
  });
}
