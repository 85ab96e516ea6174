import { createSecureContext } from 'node:tls';
import { type Logger, silentLogger } from '@cmc/bytes';
import { readAuthority } from '@cmc/est';
import { parseHostPort } from '@cmc/host';
import { readIssuer, readTextFile } from '../config/key-files.ts';
import type { ProvserverConfig } from '../config/schema.ts';
import { ProvError } from '../errors.ts';
import { startHttpsServer } from '../http/https-server.ts';
import type { HttpLimits } from '../http/limits.ts';
import { openStore } from '../store/open-store.ts';
import { createRoutes, type RouteParts } from './create-routes.ts';

export interface StartServerOptions extends Pick<RouteParts, 'now'> {
  readonly logger?: Logger;
  readonly limits?: Partial<HttpLimits>;
}

/** A server that listens. */
export interface ProvServer extends AsyncDisposable {
  /** `host:port` with the port that was given. */
  readonly address: string;
  /** Takes no more requests, gives those that run `graceMs` to end, and closes the database. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const DEFAULT_ADDRESS = '127.0.0.1:9000';

/**
 * Starts what `config` describes. It listens when this resolves, and nothing is left open when it
 * rejects. @throws {CmcError} codes of this package, @cmc/host and @cmc/est
 */
export async function startServer(
  config: ProvserverConfig,
  options: StartServerOptions = {},
): Promise<ProvServer> {
  const { logger = silentLogger, limits, ...hooks } = options;
  const { host, port } = parseHostPort(config.estAddr ?? DEFAULT_ADDRESS, 'estAddr');
  const issuer = await readIssuer(config);
  readAuthority(issuer, options.now?.() ?? new Date());
  const tls = await readTls(config);
  const store = await openStore(config.database);
  try {
    const routes = await createRoutes(config, { ...hooks, store, issuer, logger });
    const server = await startHttpsServer({
      host,
      port,
      tls,
      routes,
      logger,
      ...(limits === undefined ? {} : { limits }),
    });
    let closed: Promise<void> | undefined;
    const shutDown = async (grace: { readonly graceMs?: number }): Promise<void> => {
      await server.close(grace);
      await store[Symbol.asyncDispose]();
    };
    const close: ProvServer['close'] = async (grace = {}) => {
      closed ??= shutDown(grace);
      await closed;
    };
    return { address: server.address, close, [Symbol.asyncDispose]: async () => await close() };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

async function readTls(
  config: ProvserverConfig,
): Promise<{ readonly key: string; readonly cert: string }> {
  const key = await readTextFile(config.tlsKey, 'tlsKey');
  const chain: string[] = [];
  for (const path of config.tlsCaChain) chain.push(await readTextFile(path, 'tlsCaChain'));
  const cert = chain.join('\n');
  try {
    createSecureContext({ key, cert });
  } catch (cause) {
    throw new ProvError('ERR_PROV_CONFIG', 'tlsKey and tlsCaChain do not fit together', { cause });
  }
  return { key, cert };
}
