import { issueToken } from './issue-token.ts';
import type { CommandContext } from './program.ts';

/** `provserver token`: the only time that the secret is seen. */
export async function token({ store, flags, write, now }: CommandContext): Promise<void> {
  const { names, note, valid } = flags;
  const answer = await issueToken(store, {
    valid: String(valid),
    now,
    ...(typeof names === 'string' ? { names: names.split(',') } : {}),
    ...(typeof note === 'string' ? { note } : {}),
  });
  write(flags['json'] === true ? `${JSON.stringify(answer)}\n` : `${answer.token}\n`);
}
