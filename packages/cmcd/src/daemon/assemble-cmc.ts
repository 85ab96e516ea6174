import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { Logger } from '@cmc/bytes';
import { type ContainerLog, openContainerLog } from '@cmc/driver-sw';
import type { TpmAccess, TpmDriver } from '@cmc/driver-tpm';
import { ConfigError, removeTemporaries } from '@cmc/host';
import { type CmcMeasurer, createCmc, type LocalCmc } from '../cmc/create-cmc.ts';
import type { FetchRevocation } from '../cmc/revocation-cache.ts';
import type { CmcdConfig } from '../config/schema.ts';
import type { RevocationOptions } from '../metadata/revocation.ts';
import { createMetadataSource } from '../metadata/source.ts';
import type { PeerCache } from '../peer-cache/peer-cache.ts';
import { readDemands } from './demands.ts';
import { openDrivers } from './drivers.ts';
import { openEnroller } from './enrollment.ts';
import { fullHostName } from './host-name.ts';
import { readRoots } from './roots.ts';

/** The CMC that the settings describe, with its files where they say. */
export async function assembleCmc(
  config: CmcdConfig,
  { peerCache, logger }: { readonly peerCache: PeerCache; readonly logger: Logger },
): Promise<LocalCmc> {
  const { storage, omspRefreshMinutes } = config;
  const roots = await readRoots(config.rootCas, logger);
  if (storage !== undefined) {
    await mkdir(storage, { recursive: true, mode: 0o700 });
    await removeTemporaries(storage);
  }
  const httpsRoots =
    config.allowSystemCerts === true ? [...roots.pem, ...rootCertificates] : roots.pem;
  const hashAlg = hashOf(config.hashAlg ?? 'SHA-256');
  // Settles on its own, never rejects: nobody has to wait for the name service.
  const name = config.name ?? fullHostName();
  const demands = await readDemands(config, { metadataRoots: roots.certificates, logger });
  const tpm = await openTpmOf(config);
  const containerLog = await openLogOf(config, tpm);
  const enroller = await openEnroller(config, { name, httpsRoots });
  const measurers = await openDrivers(config.drivers ?? [], {
    config,
    ...(containerLog === undefined ? {} : { containerLog }),
    ...(tpm === undefined ? {} : { tpm }),
    name,
    hashAlg,
    httpsRoots,
    logger,
  });
  const tpmKeys = measurers.find(hasTlsKeys)?.tlsKeys;
  return await createCmc({
    ...demands,
    measurers,
    metadata: await createMetadataSource({
      locations: config.metadata ?? [],
      ...(config.cache === undefined ? {} : { cache: config.cache }),
      roots: httpsRoots,
      logger,
    }),
    hashAlg,
    name,
    peerCache,
    ...(enroller === undefined
      ? {}
      : {
          keys: {
            enroller,
            ...(storage === undefined ? {} : { storage }),
            ...(tpmKeys === undefined ? {} : { tpmKeys }),
          },
        }),
    ...(containerLog === undefined ? {} : { containerLog }),
    ...(demands.checkOmsp === true
      ? { fetchRevocation: revocationOf(config, { hashAlg, roots: httpsRoots, logger }) }
      : {}),
    ...(omspRefreshMinutes === undefined
      ? {}
      : { revocationMaxAgeMs: omspRefreshMinutes * 60_000 }),
    logger,
  });
}

/** Time one server of revocation statements has: callers of Attest may wait for it. */
const REVOCATION_TIMEOUT_MS = 5_000;

function revocationOf(
  { omspFormat }: CmcdConfig,
  options: Pick<RevocationOptions, 'hashAlg' | 'roots' | 'logger'>,
): FetchRevocation {
  return async (items, wait) => {
    const { fetchRevocation } = await import('../metadata/revocation.ts');
    const serialization = omspFormat ?? 'cbor';
    const timeoutMs = REVOCATION_TIMEOUT_MS;
    return await fetchRevocation(items, { ...options, serialization, timeoutMs }, wait);
  };
}

function hasTlsKeys(measurer: CmcMeasurer): measurer is TpmDriver {
  return 'tlsKeys' in measurer;
}

/** Drivers, keys and containers use one TPM, and some kernels give it to one program at a time. */
async function openTpmOf({ drivers = [], tpmDevice }: CmcdConfig): Promise<TpmAccess | undefined> {
  if (!drivers.includes('tpm')) return undefined;
  const { createTpmAccess, deviceOpener } = await import('@cmc/driver-tpm');
  return createTpmAccess(deviceOpener(tpmDevice));
}

async function openLogOf(
  { drivers = [], ctr, ctrDriver, ctrLog, storage }: CmcdConfig,
  tpm: TpmAccess | undefined,
): Promise<ContainerLog | undefined> {
  if (ctr !== true && !drivers.includes('sw')) return undefined;
  const path = ctrLog ?? join(storage ?? '', 'container-log.json');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const log = openContainerLog({ path });
  if (ctrDriver !== 'tpm' || tpm === undefined) return log;
  const { measuredContainerLog } = await import('@cmc/driver-tpm');
  return measuredContainerLog(log, tpm);
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
