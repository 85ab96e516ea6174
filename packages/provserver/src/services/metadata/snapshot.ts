import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { CmcError } from '@cmc/bytes';
import { ProvError } from '../../errors.ts';
import { MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES } from './limits.ts';

/** One file as it was at one moment. */
export interface MetadataFile {
  /** Name in the folder. */
  readonly file: string;
  /** Hex SHA-256 of the content. */
  readonly digest: string;
  readonly content: Uint8Array;
  /** What the item says of itself; not verified. Absent when it is no signed metadata. */
  readonly about?: { readonly type: string; readonly name?: string; readonly version?: string };
}

/** Names that a file may have: none that is hidden, and none that needs care in an address. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._ -]{0,254}$/;

/**
 * The regular files of `folder`: no symbolic links, no folders, no hidden files.
 *
 * @throws {ProvError} ERR_PROV_CONFIG the folder is too large, cannot be read, or a file is being
 *   written; the message may be shown to anybody, it has no path above the folder
 */
export async function readSnapshot(folder: string): Promise<readonly MetadataFile[]> {
  const files: MetadataFile[] = [];
  let total = 0;
  for (const file of await namesIn(folder)) {
    const content = await readWhole(join(folder, file), `${basename(folder)}/${file}`);
    if (content === undefined) continue;
    total += content.length;
    if (files.length === MAX_FILES || total > MAX_TOTAL_BYTES) {
      throw new ProvError(
        'ERR_PROV_CONFIG',
        `${basename(folder)}: expected at most ${MAX_FILES} files and ${MAX_TOTAL_BYTES} bytes`,
      );
    }
    const digest = createHash('sha256').update(content).digest('hex');
    const about = describe(content);
    files.push({ file, digest, content, ...(about === undefined ? {} : { about }) });
  }
  return files;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && NAME.test(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    throw new ProvError('ERR_PROV_CONFIG', `cannot read ${basename(folder)}`, { cause });
  }
}

/** None when the file went away, or is no regular file any more. */
async function readWhole(path: string, name: string): Promise<Uint8Array | undefined> {
  try {
    const handle = await open(
      path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const before = await handle.stat();
      if (!before.isFile()) return undefined;
      if (before.size > MAX_FILE_BYTES) {
        throw new ProvError('ERR_PROV_CONFIG', `${name} has more than ${MAX_FILE_BYTES} bytes`);
      }
      const content = new Uint8Array(before.size);
      let length = 0;
      while (length < content.length) {
        const { bytesRead } = await handle.read(content, length, content.length - length, length);
        if (bytesRead === 0) throw beingWritten(name);
        length += bytesRead;
      }
      const after = await handle.stat();
      const isSame = after.size === before.size && after.mtimeMs === before.mtimeMs;
      if (!isSame) throw beingWritten(name);
      return content;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      ['ENOENT', 'ELOOP'].includes(String(error.code))
    ) {
      return undefined;
    }
    if (error instanceof ProvError) throw error;
    throw new ProvError('ERR_PROV_CONFIG', `cannot read ${name}`, { cause: error });
  }
}

function beingWritten(name: string): ProvError {
  return new ProvError('ERR_PROV_CONFIG', `${name} is being written`);
}

function describe(content: Uint8Array): MetadataFile['about'] | undefined {
  try {
    const { type, name, version } = decodeStruct(
      metadataSchema,
      extractPayload(content).payload,
    ).value;
    return {
      type,
      ...(name === undefined ? {} : { name }),
      ...(version === undefined ? {} : { version }),
    };
  } catch (error) {
    if (error instanceof CmcError) return undefined;
    throw error;
  }
}
