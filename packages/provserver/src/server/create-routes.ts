import { basename } from 'node:path';
import { createKdsClient } from '@cmc/amd-kds';
import type { Signer } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { ConfigError } from '@cmc/host';
import { createAttestationPolicy } from '../auth/attestation-policy.ts';
import { Enrollment } from '../auth/enrollment.ts';
import { DEFAULT_CERTIFICATE_DAYS } from '../auth/limits.ts';
import { Nonces } from '../auth/nonces.ts';
import { endpointMethods } from '../config/endpoints.ts';
import { readSigner } from '../config/key-files.ts';
import type { ProvserverConfig } from '../config/schema.ts';
import { createEnrollRoutes } from '../est/enroll.ts';
import { createInformationRoutes } from '../est/information.ts';
import type { RouteHandler } from '../http/route.ts';
import { createAmdService, createMetadataService, createOmspService } from '../services/index.ts';
import type { Store } from '../store/store.ts';
import { createTpmRoutes } from '../tpm/create-tpm-routes.ts';
import { createEkPolicy } from '../tpm/ek-policy.ts';
import { createStatusRoutes } from './status-routes.ts';

export interface RouteParts {
  readonly store: Store;
  readonly issuer: Signer;
  readonly logger: Logger;
  readonly now?: () => Date;
}

const DAY_MS = 86_400_000;

/** Everything that the settings say is to be served. @throws {CmcError} a setting or a file of it */
export async function createRoutes(
  config: ProvserverConfig,
  parts: RouteParts,
): Promise<readonly RouteHandler[]> {
  const { store, issuer, logger, now = (): Date => new Date() } = parts;
  const nonces = new Nonces(store);
  const enrollment = new Enrollment({
    store,
    nonces,
    issuer,
    logger,
    now,
    endpoints: endpointMethods(config.endpoints),
    attestation: await createAttestationPolicy(config, { store, logger, now }),
    lifetimeMs: (config.certificateDays ?? DEFAULT_CERTIFICATE_DAYS) * DAY_MS,
    ...(config.crlUrl === undefined ? {} : { crlUrl: config.crlUrl }),
  });
  return [
    ...createInformationRoutes({ nonces, now, caChain: issuer.certificateChain }),
    ...createEnrollRoutes(enrollment),
    ...createTpmRoutes(enrollment, {
      store,
      logger,
      policy: await createEkPolicy(config, { store, logger, now: now() }),
      allowedNames: config.allowedNames ?? [],
    }),
    ...createStatusRoutes({ store, issuer, logger, now }),
    ...(await serviceRoutes(config, logger)),
  ];
}

async function serviceRoutes(
  config: ProvserverConfig,
  logger: Logger,
): Promise<readonly RouteHandler[]> {
  const { httpFolder, vcekCacheFolder } = config;
  const routes: RouteHandler[] = [];
  if (httpFolder !== undefined) {
    if (basename(httpFolder) === '') {
      throw new ConfigError('ERR_CONFIG_VALUE', 'httpFolder: expected a folder with a name');
    }
    routes.push(...createMetadataService({ folder: httpFolder, logger }));
  }
  const omsp = omspSettings(config);
  if (omsp !== undefined) {
    const signer = await readSigner(omsp, 'omspKey', 'omspCaChain');
    routes.push(createOmspService({ url: omsp.omspUrl, folder: omsp.omspFolder, signer, logger }));
  }
  if (vcekCacheFolder !== undefined) {
    const kds = await createKdsClient({ cacheDirectory: vcekCacheFolder, logger });
    routes.push(...createAmdService({ kds, logger }));
  }
  return routes;
}

type OmspKeys = 'omspUrl' | 'omspFolder' | 'omspKey' | 'omspCaChain';

/** All settings of the revocation service, or none of them. @throws {ConfigError} */
function omspSettings(
  config: ProvserverConfig,
): Required<Pick<ProvserverConfig, OmspKeys>> | undefined {
  const { omspUrl, omspFolder, omspKey, omspCaChain } = config;
  if (omspUrl && omspFolder && omspKey && omspCaChain) {
    return { omspUrl, omspFolder, omspKey, omspCaChain };
  }
  if (omspUrl ?? omspFolder ?? omspKey ?? omspCaChain) {
    const needed = 'omspUrl, omspFolder, omspKey and omspCaChain';
    throw new ConfigError('ERR_CONFIG_VALUE', `${needed} are needed together`);
  }
  return undefined;
}
