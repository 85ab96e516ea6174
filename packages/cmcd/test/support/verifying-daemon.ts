import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type CmcClient, createCmcClient } from '@cmc/api';
import type { AttestationResult } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { onTestFinished } from 'vitest';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { type Daemon, startDaemon } from '../../src/daemon/index.ts';
import type { World } from './world.ts';

export const NONCE: Uint8Array = new Uint8Array(32).fill(7);

/** A daemon that makes no reports, asked over its API. */
export interface VerifyingDaemon extends Pick<Daemon, 'reload' | 'stop'> {
  verify(report: Uint8Array): Promise<AttestationResult>;
  /** Status of the summary. */
  verdict(report: Uint8Array): Promise<string>;
}

export async function startVerifier(
  world: World,
  settings: Partial<CmcdConfig> = {},
  logger?: Logger,
): Promise<VerifyingDaemon> {
  const config: CmcdConfig = {
    api: 'socket',
    cmcAddr: `unix://${join(world.folder, randomUUID())}`,
    rootCas: [world.caFile],
    ...settings,
  };
  const daemon = await startDaemon(config, logger === undefined ? {} : { logger });
  onTestFinished(async () => await daemon.stop({ graceMs: 0 }));
  const verify: VerifyingDaemon['verify'] = async (report) => {
    await using client = await clientOf(daemon);
    return (await client.verify({ nonce: NONCE, report })).result;
  };
  return {
    verify,
    verdict: async (report) => (await verify(report)).summary.status,
    reload: async () => await daemon.reload(),
    stop: async (options) => await daemon.stop(options),
  };
}

/** A client of the socket of a daemon in this process. */
export async function clientOf({ endpoints: [endpoint] }: Daemon): Promise<CmcClient> {
  return await createCmcClient({ api: 'socket', address: endpoint?.address ?? '' });
}
