import { readFile } from 'node:fs/promises';
import type { MetadataVersionStore } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { silentLogger } from '@cmc/bytes';
import { writeFileAtomic } from '@cmc/host/files';
import * as v from 'valibot';
import { CmcdError } from '../errors.ts';

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
  const versions = file === undefined ? new Map<string, string>() : await readVersions(file);
  let written: Promise<void> = Promise.resolve();

  const write = async (path: string): Promise<void> => {
    const rows = [...versions].map(([key, version]) => [...JSON.parse(key), version]);
    await writeFileAtomic(path, `${JSON.stringify(rows)}\n`).catch((error: unknown) => {
      logger.error({ error }, 'cannot write the versions of metadata');
    });
  };

  return {
    lastSeen: (type, name) => versions.get(keyOf(type, name)),
    remember: async (type, name, version) => {
      const key = keyOf(type, name);
      const last = versions.get(key);
      if (last !== undefined && !isNewer(version, last)) return;
      if (last === undefined && versions.size >= MAX_REMEMBERED_VERSIONS) {
        logger.error({ type, name }, 'too many metadata items to remember their versions');
        return;
      }
      versions.set(key, version);
      if (file === undefined) return;
      written = written.then(() => write(file));
      await written;
    },
  };
}

async function readVersions(file: string): Promise<Map<string, string>> {
  try {
    const rows = v.parse(fileSchema, JSON.parse(await readFile(file, 'utf8')));
    return new Map(rows.map(([type, name, version]) => [keyOf(type, name), version]));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return new Map();
    throw new CmcdError(
      'ERR_METADATA_VERSIONS',
      `${file} does not hold versions of metadata: restore it, or remove it to accept old metadata again`,
      { cause },
    );
  }
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
