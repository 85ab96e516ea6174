import type { AttestationResult } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { UsageError } from '@cmc/host';
import { createPublisher, type Publisher, publishEntries } from '@cmc/publish';
import { timeoutOf } from './daemon.ts';
import type { CmcctlSettings } from './settings.ts';

/** Where the settings want results published, or undefined: nowhere. @throws {UsageError} */
export function openPublisher(settings: CmcctlSettings, logger?: Logger): Publisher | undefined {
  const { publishFile, publishResults, publishOcsf, publishNetwork } = settings;
  if ((publishFile ?? publishResults ?? publishOcsf ?? publishNetwork) === undefined) {
    return undefined;
  }
  // Only these: another setting, roots, means something else to a publisher.
  const options = Object.fromEntries(
    Object.entries(settings).filter(([key]) => Object.hasOwn(publishEntries, key)),
  );
  try {
    return createPublisher({ ...options, ...(logger === undefined ? {} : { logger }) });
  } catch (cause) {
    if (cause instanceof TypeError) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

/**
 * Publishes results one after another, in as much time as the command has, and says on standard
 * error what failed. @returns whether all of it arrived
 */
export async function publishAll(
  settings: CmcctlSettings,
  publisher: Publisher | undefined,
  results: readonly (AttestationResult | undefined)[],
): Promise<boolean> {
  const signal = AbortSignal.timeout(timeoutOf(settings) * 1000);
  let arrived = true;
  for (const result of results) {
    if (publisher === undefined || result === undefined) continue;
    for (const { location, error } of await publisher.publish(result, { signal })) {
      if (error === undefined) continue;
      arrived = false;
      process.stderr.write(
        `cmcctl: not published to ${location}: ${error.code}: ${error.message}\n`,
      );
    }
  }
  return arrived;
}

/** Results that wait for their publication; those of more peers are dropped. */
const MAX_PENDING = 100;

/** Publishes in the background, for servers. */
export interface BackgroundPublisher {
  add(result: AttestationResult): void;
  /** Waits for what is on its way. */
  close(): Promise<void>;
}

/** Failures are warnings in the log. */
export function createBackgroundPublisher(
  settings: CmcctlSettings,
  logger: Logger,
): BackgroundPublisher {
  const publisher = openPublisher(settings, logger);
  const pending = new Set<Promise<unknown>>();
  return {
    add: (result) => {
      if (publisher === undefined) return;
      if (pending.size >= MAX_PENDING) {
        logger.warn({ pending: pending.size }, 'dropped a result: publishing is too slow');
        return;
      }
      const published = publisher.publish(result).finally(() => pending.delete(published));
      pending.add(published);
    },
    close: async () => {
      await Promise.all(pending);
    },
  };
}
