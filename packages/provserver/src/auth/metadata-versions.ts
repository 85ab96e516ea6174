import type { MetadataVersionStore } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import type { Store } from '../store/store.ts';
import { MAX_METADATA_VERSIONS, VERSIONS_FRESH_MS } from './limits.ts';

export interface MetadataVersionsOptions {
  readonly store: Pick<Store, 'metadataVersions' | 'rememberMetadataVersion'>;
  readonly logger: Logger;
  /** Clock, ms. */
  readonly clock?: () => number;
}

/**
 * What gives the versions of metadata that all servers on one database accepted: those of other
 * servers as they were {@link VERSIONS_FRESH_MS} ago at most.
 */
export function createMetadataVersions(
  options: MetadataVersionsOptions,
): () => Promise<MetadataVersionStore> {
  const { store, logger, clock = (): number => performance.now() } = options;
  const versions = new Map<string, string>();
  let readAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  const keep = (key: string, version: string): void => {
    if (version > (versions.get(key) ?? '')) versions.set(key, version);
  };
  const read = async (): Promise<void> => {
    try {
      const at = clock();
      for (const { type, name, version } of await store.metadataVersions()) {
        keep(keyOf(type, name), version);
      }
      readAt = at;
    } finally {
      underWay = undefined;
    }
  };
  const known: MetadataVersionStore = {
    lastSeen: (type, name) => versions.get(keyOf(type, name)),
    remember: async (type, name, text) => {
      const key = keyOf(type, name);
      const version = sortable(text);
      const last = versions.get(key);
      if (last !== undefined && version <= last) return;
      if (last === undefined && versions.size >= MAX_METADATA_VERSIONS) {
        logger.error({ type, name }, 'too many metadata items to remember their versions');
        return;
      }
      await store.rememberMetadataVersion({ type, name, version });
      keep(key, version);
    },
  };
  return async () => {
    if (clock() - readAt >= VERSIONS_FRESH_MS) {
      underWay ??= read();
      await underWay;
    }
    return known;
  };
}

function keyOf(type: string, name: string): string {
  return JSON.stringify([type, name]);
}

/** RFC 3339 in UTC with nine digits of fraction. */
function sortable(time: string): string {
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  return `${new Date(time).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
