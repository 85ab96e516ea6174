import type { Logger } from '@cmc/bytes';

/** A logger that keeps the messages of warnings. */
export function recordingLogger(): { readonly logger: Logger; readonly warnings: string[] } {
  const warnings: string[] = [];
  const drop = (): void => {};
  const warn = (_: object, message: string): void => void warnings.push(message);
  return { logger: { debug: drop, info: drop, warn, error: drop }, warnings };
}
