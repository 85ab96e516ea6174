import { ipOctets, isDnsName, normalName } from '@cmc/est';
import { EXIT, UsageError } from '@cmc/host';
import { createToken, openStore } from '@cmc/provserver';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

const HOUR_MS = 3_600_000;
const DEFAULT_HOURS = 48;
const ANY_NAME = '*';

/** `cmcctl token`: the only time that the secret is seen. */
export async function token(settings: CmcctlSettings): Promise<number> {
  const { store: url, note, validHours = DEFAULT_HOURS } = settings;
  if (url === undefined) throw new UsageError('token needs store');
  const allowedNames = settings.names?.map(checkName) ?? [ANY_NAME];
  const now = new Date();
  const expiresAt = new Date(now.getTime() + validHours * HOUR_MS);
  const { id, secretHash, text } = createToken();
  await using store = await openStore(url);
  const fields = { id, secretHash, expiresAt, allowedNames };
  await store.createToken({ ...fields, ...(note === undefined ? {} : { note }) }, now);
  print(settings, { token: text, id, expiresAt: expiresAt.toISOString(), allowedNames }, [text]);
  return EXIT.success;
}

function checkName(name: string): string {
  if (ipOctets(name) !== undefined || isDnsName(name)) return normalName(name);
  throw new UsageError(`names: expected DNS names and IP addresses, got "${name}"`);
}
