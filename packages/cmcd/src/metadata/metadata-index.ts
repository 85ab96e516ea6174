import { decodeStruct, field, int, list, struct, text } from '@cmc/attestationreport/codec';
import { CmcError } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { MAX_ITEMS } from './limits.ts';

/** Media type of the index of a provisioning server. */
export const INDEX_TYPE = 'application/vnd.cmc.metadata-index+json';

/** What an index says of one item. Its content is at the digest, below the index. */
export interface IndexEntry {
  /** Hex SHA-256 of the item. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

const indexSchema = struct<{ readonly items: readonly IndexEntry[] }>('MetadataIndex', {
  items: field(
    undefined,
    list(
      struct<IndexEntry>('IndexEntry', {
        digest: field(undefined, text),
        size: field(undefined, int),
      }),
    ),
  ),
});

/** @throws {CmcdError} ERR_METADATA_FORMAT, ERR_METADATA_LIMIT */
export function parseIndex(content: Uint8Array, name: string): readonly IndexEntry[] {
  const items = decodeItems(content, name);
  if (items.length > MAX_ITEMS) {
    throw new CmcdError('ERR_METADATA_LIMIT', `${name}: more than ${MAX_ITEMS} metadata items`);
  }
  for (const { digest } of items) {
    if (!/^[0-9a-f]{64}$/.test(digest)) {
      throw new CmcdError('ERR_METADATA_FORMAT', `${name}: a digest is not the hex SHA-256`);
    }
  }
  return items;
}

function decodeItems(content: Uint8Array, name: string): readonly IndexEntry[] {
  try {
    return decodeStruct(indexSchema, content).value.items;
  } catch (cause) {
    if (!(cause instanceof CmcError)) throw cause;
    throw new CmcdError('ERR_METADATA_FORMAT', `${name}: ${cause.message}`, { cause });
  }
}
