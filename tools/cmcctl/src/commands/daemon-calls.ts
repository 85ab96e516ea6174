import type { CmcClient } from '@cmc/api';
import { componentSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { EXIT, readSettingFile, UsageError } from '@cmc/host';
import { withDaemon } from '../daemon.ts';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

type Call = (cmc: CmcClient, signal: AbortSignal) => Promise<{ readonly success: boolean }>;

/** `cmcctl measure`: an event for the container log of the daemon. */
export async function measure(settings: CmcctlSettings): Promise<number> {
  if (settings.event === undefined) throw new UsageError('measure needs event');
  const bytes = await readSettingFile(settings.event, 'event');
  const { value: event } = decodeStruct(componentSchema, new Uint8Array(bytes));
  return await call(settings, 'Recorded.', (cmc, signal) => cmc.measure({ event }, { signal }));
}

/** `cmcctl update-certs` */
export async function updateCerts(settings: CmcctlSettings): Promise<number> {
  return await call(settings, 'Updated.', (cmc, signal) => cmc.updateCerts({ signal }));
}

/** `cmcctl update-metadata` */
export async function updateMetadata(settings: CmcctlSettings): Promise<number> {
  return await call(settings, 'Updated.', (cmc, signal) => cmc.updateMetadata({ signal }));
}

async function call(settings: CmcctlSettings, done: string, run: Call): Promise<number> {
  const { success } = await withDaemon(settings, run);
  print(settings, { success }, [success ? done : 'The daemon did not do it.']);
  return success ? EXIT.success : EXIT.unavailable;
}
