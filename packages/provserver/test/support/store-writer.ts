import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open-store.ts';
import { NOW, newCertificate } from './certificates.ts';

/*
 * A server in a process of its own: node store-writer <database> [token,…]. It issues a certificate
 * for each token, all at once, or without tokens one after the other for ever. A line on standard
 * output acknowledges each.
 */
async function write(url = '', tokens?: string): Promise<void> {
  const store = await openStore(url);
  const issue = async (token?: string): Promise<void> => {
    const certificate = newCertificate(token === undefined ? {} : { token });
    const { state } = await store.issueCertificate(certificate, NOW);
    writeSync(1, `${state} ${certificate.serial}\n`);
  };
  if (tokens !== undefined) {
    await Promise.all(tokens.split(',').map(issue));
    await store[Symbol.asyncDispose]();
    return;
  }
  // Several at once, as a server has them.
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (;;) await issue();
    }),
  );
}

void write(...process.argv.slice(2));
