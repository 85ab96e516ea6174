import { readFile } from 'node:fs/promises';
import { parseImaKeys, type Signer } from '@cmc/attestationreport';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { softwareSigner } from '@cmc/driver-sw';
import { ProvError } from '../errors.ts';
import type { ProvserverConfig } from './schema.ts';

/** The key that issues certificates, with its chain. @throws {ProvError} ERR_PROV_CONFIG */
export async function readIssuer(
  config: Pick<ProvserverConfig, 'estCaKey' | 'estCaChain'>,
): Promise<Signer> {
  return await readSigner(config, 'estCaKey', 'estCaChain');
}

/** The key in the file of one setting with the chain in those of another. @throws {ProvError} */
export async function readSigner<Key extends string, Chain extends string>(
  config: Readonly<Record<Key, string> & Record<Chain, readonly string[]>>,
  key: Key,
  chain: Chain,
): Promise<Signer> {
  const certificates = await readCertificates(config[chain], chain);
  return await usable(key, config[key], async () =>
    softwareSigner({
      privateKey: await readFile(config[key]),
      certificateChain: certificates.map(({ raw }) => raw),
    }),
  );
}

/** All certificates in PEM files, in their order; at least one in each. @throws {ProvError} */
export async function readCertificates(
  paths: readonly string[],
  setting: string,
): Promise<readonly Certificate[]> {
  const certificates: Certificate[] = [];
  for (const path of paths) {
    const found = await usable(setting, path, async () =>
      parsePemCertificates(await readFile(path, 'utf8')),
    );
    if (found.length === 0) {
      throw new ProvError('ERR_PROV_CONFIG', `${setting}: ${path} holds no certificate`);
    }
    certificates.push(...found);
  }
  return certificates;
}

/** The keys in files that sign files, see `parseImaKeys`. @throws {ProvError} */
export async function readImaKeys(paths: readonly string[]): Promise<readonly Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for (const path of paths) {
    const found = await usable('imaKeys', path, async () =>
      parseImaKeys(new Uint8Array(await readFile(path)), keys),
    );
    keys.push(...found);
  }
  return keys;
}

/** The content of a text file that a setting names. @throws {ProvError} */
export async function readTextFile(path: string, setting: string): Promise<string> {
  return await usable(setting, path, async () => await readFile(path, 'utf8'));
}

async function usable<T>(setting: string, path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new ProvError('ERR_PROV_CONFIG', `${setting}: ${path} cannot be used`, { cause });
  }
}
