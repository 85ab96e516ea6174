import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from '@cmc/bytes';

/** Time that one notification may take. */
const TIMEOUT_MS = 5_000;

/** What a service tells systemd, sd_notify(3). */
export type ServiceState = 'READY=1' | 'STOPPING=1';

/**
 * Tells systemd the state of this service, when it asked for that by NOTIFY_SOCKET.
 *
 * Node.js has no datagram sockets of the Unix family, so `systemd-notify` sends the message; it is
 * part of systemd. The unit has to allow that with `NotifyAccess=all`, as the one in this package.
 */
export async function notifySystemd(
  state: ServiceState,
  options: { readonly logger: Logger; readonly environment?: NodeJS.ProcessEnv },
): Promise<void> {
  const { logger, environment = process.env } = options;
  if (!environment['NOTIFY_SOCKET']) return;
  try {
    await promisify(execFile)('systemd-notify', [state], { env: environment, timeout: TIMEOUT_MS });
  } catch (error) {
    logger.warn({ state, error }, 'cannot notify systemd: is systemd-notify installed?');
  }
}
