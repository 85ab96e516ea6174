import { readFile } from 'node:fs/promises';
import type { Signer } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { softwareSigner } from '@cmc/driver-sw';
import type { ProvserverConfig } from '../config/schema.ts';
import { ProvError } from '../errors.ts';

/** The key that issues certificates, with its chain. @throws {ProvError} ERR_PROV_CONFIG */
export async function readIssuer(
  config: Pick<ProvserverConfig, 'estCaKey' | 'estCaChain'>,
): Promise<Signer> {
  const certificateChain: Uint8Array[] = [];
  for (const path of config.estCaChain) {
    const certificates = await usable('estCaChain', path, async () =>
      parsePemCertificates(await readFile(path, 'utf8')),
    );
    certificateChain.push(...certificates.map(({ raw }) => raw));
  }
  return await usable('estCaKey', config.estCaKey, async () =>
    softwareSigner({ privateKey: await readFile(config.estCaKey), certificateChain }),
  );
}

async function usable<T>(setting: string, path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new ProvError('ERR_PROV_CONFIG', `${setting}: ${path} cannot be used`, { cause });
  }
}
