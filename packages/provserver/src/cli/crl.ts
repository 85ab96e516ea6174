import { writeFileAtomic } from '@cmc/host';
import { readIssuer } from '../config/key-files.ts';
import { issueNextCrl } from '../server/crl.ts';
import { parseDuration } from './duration.ts';
import { pemOf } from './pem.ts';
import type { CommandContext } from './program.ts';

/** `provserver crl`: a list with a number above all before it. */
export async function crl({ config, store, flags, write, now }: CommandContext): Promise<void> {
  const out = String(flags['out']);
  const nextUpdate = new Date(now.getTime() + parseDuration(String(flags['next']), '--next'));
  const issuer = await readIssuer(config);
  const { crl: der, number, revoked } = await issueNextCrl({ store, issuer, now, nextUpdate });
  const content = out.endsWith('.pem') ? pemOf('X509 CRL', der) : der;
  await writeFileAtomic(out, content, { mode: 0o644 });
  const answer = { number: Number(number), revoked, nextUpdate };
  const words = `list ${number} with ${revoked} certificates, next ${nextUpdate.toISOString()}\n`;
  write(flags['json'] === true ? `${JSON.stringify(answer)}\n` : words);
}
