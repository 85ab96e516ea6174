import { readFile } from 'node:fs/promises';
import { encodePem, parsePemCertificates } from '@cmc/attestationreport/x509';
import { writeFileAtomic } from '@cmc/host/files';
import type { SnpChain } from './certificate-chain.ts';

const MODE = 0o644;

/** A chain that was kept: three certificates, PEM. A file that cannot be read is as none. */
export async function readChainFile(path: string): Promise<SnpChain | undefined> {
  try {
    const [leaf, authority, root, ...more] = parsePemCertificates(await readFile(path, 'utf8'));
    if (leaf === undefined || authority === undefined || root === undefined) return undefined;
    return more.length === 0 ? [leaf, authority, root] : undefined;
  } catch {
    return undefined;
  }
}

export async function writeChainFile(path: string, chain: SnpChain): Promise<void> {
  const text = chain.map(({ raw }) => encodePem(raw, 'CERTIFICATE')).join('');
  await writeFileAtomic(path, text, { mode: MODE });
}
