import { selectMetadata } from '@cmc/attestationreport';
import { decodeStruct, metaInfoSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import type { Logger } from '@cmc/bytes';
import type { MetadataSource } from '../metadata/source.ts';

/** Our own metadata, as it is sent in reports. */
export interface OwnMetadata {
  /** Signed items. */
  readonly items: readonly Uint8Array[];
  /** When the first of them expires, milliseconds since 1970; undefined when none says so. */
  readonly firstExpiry: number | undefined;
}

/** Holds {@link OwnMetadata} and loads it anew. */
export interface MetadataSet {
  current(): OwnMetadata;
  /** Loads it anew; what was there stays when that fails. Calls at the same time share one run. */
  update(): Promise<void>;
}

export interface MetadataSetOptions {
  readonly source: MetadataSource;
  /** Ends loading for good. Not the signal of one caller: others may wait for the same run. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly logger: Logger;
}

export async function loadMetadataSet(options: MetadataSetOptions): Promise<MetadataSet> {
  let current = await load(options);
  let running: Promise<void> | undefined;
  const reload = async (): Promise<void> => {
    try {
      current = await load(options);
    } finally {
      running = undefined;
    }
  };
  return {
    current: () => current,
    update: async () => {
      running ??= reload();
      await running;
    },
  };
}

async function load({ source, signal, now, logger }: MetadataSetOptions): Promise<OwnMetadata> {
  const { items, dropped } = selectMetadata(await source.load({ signal }));
  for (const { reason } of dropped) logger.warn({ reason }, 'metadata item is not used');
  logger.info({ items: items.length }, 'metadata loaded');
  const expiries = items.flatMap((item) => expiryOf(item, now().getTime(), logger));
  return { items, firstExpiry: expiries.length === 0 ? undefined : Math.min(...expiries) };
}

function expiryOf(item: Uint8Array, now: number, logger: Logger): readonly number[] {
  const { payload } = extractPayload(item);
  const { type, name, validity } = decodeStruct(metaInfoSchema, payload).value;
  const expiry = Date.parse(validity?.notAfter ?? '');
  if (Number.isNaN(expiry)) return [];
  // Peers will refuse it; they decide, so this is no reason not to start.
  if (expiry < now) logger.warn({ type, name, notAfter: validity?.notAfter }, 'metadata expired');
  return [expiry];
}
