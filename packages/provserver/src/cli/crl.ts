import { issueCrl } from '@cmc/est';
import { writeFileAtomic } from '@cmc/host';
import { readIssuer } from './authority.ts';
import { parseDuration } from './duration.ts';
import { pemOf } from './pem.ts';
import type { CommandContext } from './program.ts';

/** `provserver crl`: a list with a number above all before it. */
export async function crl({ config, store, flags, write, now }: CommandContext): Promise<void> {
  const out = String(flags['out']);
  const nextUpdate = new Date(now.getTime() + parseDuration(String(flags['next']), '--next'));
  const issuer = await readIssuer(config);
  const { number, revoked } = await store.nextCrl(now);
  const der = await issueCrl({
    issuer,
    now,
    nextUpdate,
    number,
    revoked: revoked.flatMap(({ serial, revoked: revocation }) =>
      revocation === undefined
        ? []
        : [{ serial, revokedAt: revocation.at, reason: revocation.reason }],
    ),
  });
  const content = out.endsWith('.pem') ? pemOf('X509 CRL', der) : der;
  await writeFileAtomic(out, content, { mode: 0o644 });
  const answer = { number: Number(number), revoked: revoked.length, nextUpdate };
  const words = `list ${number} with ${revoked.length} certificates, next ${nextUpdate.toISOString()}\n`;
  write(flags['json'] === true ? `${JSON.stringify(answer)}\n` : words);
}
