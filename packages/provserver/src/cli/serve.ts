import type { ProvserverConfig } from '../config/schema.ts';
import { runServer } from '../server/run-server.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** `provserver serve`: until a signal stops it; the second one ends the process at once. */
export async function serve(config: ProvserverConfig): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => {
    for (const each of STOP_SIGNALS) process.off(each, onSignal);
    stop.abort();
  };
  for (const each of STOP_SIGNALS) process.on(each, onSignal);
  try {
    await runServer(config, { signal: stop.signal });
  } finally {
    for (const each of STOP_SIGNALS) process.off(each, onSignal);
  }
}
