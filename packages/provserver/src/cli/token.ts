import { ipOctets, isDnsName, normalName } from '@cmc/est';
import { UsageError } from '@cmc/host';
import { createToken } from '../auth/token.ts';
import { parseDuration } from './duration.ts';
import type { CommandContext } from './program.ts';

const ANY_NAME = '*';

/** `provserver token`: the only time that the secret is seen. */
export async function token({ store, flags, write, now }: CommandContext): Promise<void> {
  const allowedNames = typeof flags['names'] === 'string' ? namesOf(flags['names']) : [ANY_NAME];
  const valid = parseDuration(String(flags['valid']), '--valid');
  const expiresAt = new Date(now.getTime() + valid);
  const { id, secretHash, text } = createToken();
  const note = flags['note'];
  await store.createToken(
    { id, secretHash, expiresAt, allowedNames, ...(typeof note === 'string' ? { note } : {}) },
    now,
  );
  const answer = { token: text, id, expiresAt: expiresAt.toISOString(), allowedNames };
  write(flags['json'] === true ? `${JSON.stringify(answer)}\n` : `${text}\n`);
}

function namesOf(text: string): string[] {
  return text.split(',').map((name) => {
    if (ipOctets(name) !== undefined || isDnsName(name)) return normalName(name);
    throw new UsageError(`--names: expected DNS names and IP addresses, got "${name}"`);
  });
}
