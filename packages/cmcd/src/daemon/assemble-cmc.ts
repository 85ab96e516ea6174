import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@cmc/bytes';
import { type ContainerLog, openContainerLog } from '@cmc/driver-sw';
import { ConfigError } from '@cmc/host';
import { createCmc, type LocalCmc } from '../cmc/create-cmc.ts';
import { openMetadataVersions } from '../cmc/metadata-versions.ts';
import type { CmcdConfig } from '../config/schema.ts';
import { createMetadataSource, type MetadataSource } from '../metadata/source.ts';
import type { PeerCache } from '../peer-cache/peer-cache.ts';
import { openDrivers } from './drivers.ts';
import { openKeyManager } from './enrollment.ts';
import { fullHostName } from './host-name.ts';
import { readRoots, systemRoots, type TrustedRoots } from './roots.ts';

/** The CMC that the settings describe, with its files where they say. */
export async function assembleCmc(
  config: CmcdConfig,
  { peerCache, logger }: { readonly peerCache: PeerCache; readonly logger: Logger },
): Promise<LocalCmc> {
  const { storage, minimumMetadataSigners } = config;
  const roots = await readRoots(config.rootCas, logger);
  if (storage !== undefined) await mkdir(storage, { recursive: true, mode: 0o700 });
  // Settles on its own, never rejects: nobody has to wait for the name service.
  const name = config.name ?? fullHostName();
  const containerLog = await openLogOf(config);
  const keyManager = await openKeyManager(config, name);
  return await createCmc({
    metadataRoots: roots.certificates,
    measurers: await openDrivers(config.drivers ?? [], {
      ...(storage === undefined ? {} : { storage }),
      ...(containerLog === undefined ? {} : { containerLog }),
    }),
    metadata: await sourceOf(config, roots, logger),
    hashAlg: hashOf(config.hashAlg ?? 'SHA-256'),
    name,
    peerCache,
    ...(keyManager === undefined ? {} : { keyManager }),
    ...(containerLog === undefined ? {} : { containerLog }),
    ...(config.policyEngine === 'none' ? { policyEngine: false } : {}),
    policyOverwrite: config.policyOverwrite ?? false,
    checkOmsp: config.useOmsp ?? false,
    metadataVersions:
      config.allowOlderMetadata === true
        ? false
        : await openMetadataVersions({
            logger,
            ...(storage === undefined ? {} : { file: join(storage, 'metadata-versions.json') }),
          }),
    ...(minimumMetadataSigners === undefined ? {} : { minimumMetadataSigners }),
    logger,
  });
}

async function openLogOf(config: CmcdConfig): Promise<ContainerLog | undefined> {
  const { drivers = [], ctrLog, storage } = config;
  if (!drivers.includes('sw')) return undefined;
  return await openContainerLog({ path: ctrLog ?? join(storage ?? '', 'container-log.json') });
}

async function sourceOf(
  config: CmcdConfig,
  roots: TrustedRoots,
  logger: Logger,
): Promise<MetadataSource> {
  const { metadata = [], cache, allowSystemCerts } = config;
  return await createMetadataSource({
    locations: metadata,
    ...(cache === undefined ? {} : { cache }),
    roots: allowSystemCerts === true ? [...roots.pem, ...systemRoots()] : roots.pem,
    logger,
  });
}

function hashOf(name: string): 'SHA-256' | 'SHA-384' | 'SHA-512' {
  switch (name.toLowerCase().replace('-', '')) {
    case 'sha256':
      return 'SHA-256';
    case 'sha384':
      return 'SHA-384';
    case 'sha512':
      return 'SHA-512';
    default:
      throw new ConfigError(
        'ERR_CONFIG_VALUE',
        `hashAlg: expected SHA-256, SHA-384 or SHA-512, got ${JSON.stringify(name)}`,
      );
  }
}
