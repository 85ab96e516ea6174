import { join } from 'node:path';
import { createSwDriver, openContainerLog } from '@cmc/driver-sw';
import { onTestFinished } from 'vitest';
import {
  type CmcOptions,
  createCmc,
  createMetadataSource,
  type LocalCmc,
} from '../../src/index.ts';
import { temporaryFolder } from './temporary-folder.ts';
import type { World } from './world.ts';

/** A CMC in process that runs what the metadata of `world` has references for, until the test is over. */
export async function attestingCmc(
  world: World,
  options: Partial<CmcOptions> = {},
): Promise<LocalCmc> {
  const containerLog = openContainerLog({ path: join(temporaryFolder(), 'log.json') });
  await containerLog.append(world.event);
  const cmc = await createCmc({
    metadataRoots: world.roots,
    measurers: [await createSwDriver({ containerLog })],
    containerLog,
    metadata: await createMetadataSource({ locations: [`file://${world.metadataFolder}`] }),
    ...options,
  });
  onTestFinished(async () => await cmc[Symbol.asyncDispose]());
  return cmc;
}
