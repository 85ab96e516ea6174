import { openSync, writeSync } from 'node:fs';
import type { Logger } from '@cmc/bytes';
import { ConfigError, createLogger } from '@cmc/host';
import type { ProvserverConfig } from '../config/schema.ts';
import { startServer } from './start-server.ts';

export interface RunServerOptions {
  /** Stops the server. */
  readonly signal: AbortSignal;
  readonly logger?: Logger;
}

/** Serves until the signal, and rejects when it cannot start. */
export async function runServer(
  config: ProvserverConfig,
  { signal, logger = openLog(config) }: RunServerOptions,
): Promise<void> {
  await using server = await startServer(config, { logger });
  logger.info({ address: server.address, pid: process.pid }, 'listening');
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  logger.info({}, 'stopping');
  await server.close();
  logger.info({}, 'stopped');
}

/** The logger that the settings describe. @throws {ConfigError} the log file cannot be opened */
function openLog({ logFile, logLevel = 'info' }: ProvserverConfig): Logger {
  const toTerminal = logFile === undefined && process.stderr.isTTY === true;
  return createLogger({
    level: logLevel,
    format: toTerminal ? 'pretty' : 'json',
    ...(logFile === undefined ? {} : { write: appendTo(logFile) }),
  });
}

function appendTo(path: string): (line: string) => void {
  try {
    const file = openSync(path, 'a', 0o640);
    return (line) => void writeSync(file, line);
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `logFile: cannot write ${path}`, { cause });
  }
}
