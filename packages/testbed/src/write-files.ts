import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openContainerLog } from '@cmc/driver-sw';
import type { Testbed } from './create-testbed.ts';
import type { Party } from './party.ts';

/** Files with the certificates of a testbed, PEM. */
export interface TestbedFiles {
  /** Root of the metadata signers. */
  readonly metadataCa: string;
  /** Root of the TLS certificates. */
  readonly tlsCa: string;
  readonly server: IdentityFiles;
  readonly client: IdentityFiles;
}

export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
}

/** Settings of a `cmcd` with the software driver that serves one party. */
export interface PartyConfig {
  readonly rootCas: readonly string[];
  readonly metadata: readonly string[];
  readonly drivers: readonly ['sw'];
  readonly storage: string;
  readonly name: string;
}

/** Writes the certificates of `testbed` into `folder`, which must exist. */
export async function writeTestbed(folder: string, testbed: Testbed): Promise<TestbedFiles> {
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const identity = async (role: 'server' | 'client'): Promise<IdentityFiles> => ({
    cert: await write(`${role}.pem`, testbed.tls[role].cert),
    key: await write(`${role}.key`, testbed.tls[role].key),
  });
  return {
    metadataCa: await write('metadata-ca.pem', testbed.metadataCa.pem),
    tlsCa: await write('tls-ca.pem', testbed.tls.ca),
    server: await identity('server'),
    client: await identity('client'),
  };
}

/**
 * Writes what the daemon of a party reads, its metadata and its container log, into a folder of its
 * own inside `folder`, and returns the settings; `api` and `cmcAddr` are for the caller to add.
 */
export async function writeParty(
  folder: string,
  party: Party,
  files: TestbedFiles,
): Promise<PartyConfig> {
  const storage = join(folder, party.name, 'storage');
  const metadata = join(folder, party.name, 'metadata');
  await mkdir(storage, { recursive: true });
  await writeMetadata(metadata, party);
  await openContainerLog({ path: join(storage, 'container-log.json') }).append(party.event);
  return {
    rootCas: [files.metadataCa],
    metadata: [`file://${metadata}`],
    drivers: ['sw'],
    storage,
    name: party.name,
  };
}

/** Writes the metadata of a party over what `folder` holds. */
export async function writeMetadata(folder: string, party: Party): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all(
    party.metadata.map((item, index) =>
      writeFile(join(folder, `item-${index}.${party.serialization}`), item),
    ),
  );
}
