import { lookup, lookupService } from 'node:dns/promises';
import { hostname } from 'node:os';

/** Time that the name service may take. */
const TIMEOUT_MS = 1_000;

/**
 * Fully qualified name of this computer: its host name resolved and resolved back, without a
 * trailing dot. The plain host name when the name service has none or takes too long.
 */
export async function fullHostName(): Promise<string> {
  const short = hostname();
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(short), TIMEOUT_MS);
  });
  const name = await Promise.race([resolvedName(short).catch(() => short), timeUp]);
  clearTimeout(timer);
  return name;
}

async function resolvedName(short: string): Promise<string> {
  const { address } = await lookup(short);
  const { hostname: name } = await lookupService(address, 0);
  return name.replace(/\.$/, '');
}
