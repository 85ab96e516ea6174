import type { MetadataVersionStore } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { silentLogger } from '@cmc/bytes';
import * as v from 'valibot';
import { recordFile } from './record-file.ts';

/** Metadata items whose versions are remembered: only those with a trusted signature count. */
export const MAX_REMEMBERED_VERSIONS = 65_536;

export interface MetadataVersionsOptions {
  /** File that keeps them; without one they are forgotten when the process ends. */
  readonly file?: string;
  readonly logger?: Logger;
}

/** Type, name and version of one item. */
const time = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text)), 'expected a time'),
);
const entrySchema = v.tuple([v.string(), v.string(), time]);
const fileSchema = v.pipe(v.array(entrySchema), v.maxLength(MAX_REMEMBERED_VERSIONS));

/**
 * The newest version of every metadata item that was accepted.
 * @throws {CmcdError} ERR_METADATA_VERSIONS the file is there but cannot be read: starting without it
 * would let old metadata pass
 */
export async function openMetadataVersions(
  options: MetadataVersionsOptions = {},
): Promise<MetadataVersionStore> {
  const { file, logger = silentLogger } = options;
  const record = recordFile({
    path: file,
    schema: fileSchema,
    what: 'versions of metadata',
    code: 'ERR_METADATA_VERSIONS',
    removed: 'to accept old metadata again',
    logger,
  });
  const rows = await record.read();
  const versions = new Map(rows.map((row) => [keyOf(row[0], row[1]), row]));

  return {
    lastSeen: (type, name) => versions.get(keyOf(type, name))?.[2],
    remember: async (type, name, version) => {
      const key = keyOf(type, name);
      const last = versions.get(key)?.[2];
      if (last !== undefined && !isNewer(version, last)) return;
      if (last === undefined && versions.size >= MAX_REMEMBERED_VERSIONS) {
        logger.error({ type, name }, 'too many metadata items to remember their versions');
        return;
      }
      versions.set(key, [type, name, version]);
      await record.write(() => [...versions.values()]);
    },
  };
}

function keyOf(type: string, name: string): string {
  return JSON.stringify([type, name]);
}

/** Order of RFC 3339 times, which may have more digits than a Date. */
function isNewer(version: string, last: string): boolean {
  const difference = Date.parse(version) - Date.parse(last);
  return difference === 0 ? fraction(version) > fraction(last) : difference > 0;
}

function fraction(time: string): string {
  return (/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0');
}
