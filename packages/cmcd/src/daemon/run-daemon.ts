import type { Logger } from '@cmc/bytes';
import type { CmcdConfig } from '../config/schema.ts';
import { openLog } from './log.ts';
import { notifySystemd } from './notify.ts';
import { type Daemon, startDaemon } from './start-daemon.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Runs a daemon in the foreground until a signal stops it. Rejects when it cannot start. */
export async function runDaemon(config: CmcdConfig): Promise<void> {
  const logger = openLog(config);
  process.on('uncaughtExceptionMonitor', (error) => logger.error({ error }, 'the daemon crashed'));
  // Until it is started, a signal may end the process at once: nothing is served yet.
  const daemon = await startDaemon(config, { logger });
  const stopSignal = firstStopSignal();
  const reload = (): void => void loadAnew(daemon, logger);
  process.on('SIGHUP', reload);
  await notifySystemd('READY=1', { logger });
  logger.info({ pid: process.pid, startMs: Math.round(performance.now()) }, 'ready');

  const signal = await stopSignal;
  logger.info({ signal }, 'stopping');
  process.off('SIGHUP', reload);
  await Promise.all([notifySystemd('STOPPING=1', { logger }), daemon.stop()]);
  logger.info({}, 'stopped');
}

/**
 * Resolves with the first signal that asks to stop. The second one ends the process at once, as if
 * nobody listened.
 */
async function firstStopSignal(): Promise<NodeJS.Signals> {
  return await new Promise((resolve) => {
    const listener = (signal: NodeJS.Signals): void => {
      for (const each of STOP_SIGNALS) process.off(each, listener);
      resolve(signal);
    };
    for (const each of STOP_SIGNALS) process.on(each, listener);
  });
}

async function loadAnew(daemon: Daemon, logger: Logger): Promise<void> {
  await daemon.reload().catch((error: unknown) => {
    logger.error({ error }, 'cannot load everything anew: the old stays');
  });
}
