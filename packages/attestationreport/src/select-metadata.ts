import { CmcError } from '@cmc/bytes';
import { decodeStruct, metaInfoSchema } from './codec/index.ts';
import { extractPayload } from './sign/index.ts';
import type { MetaInfo } from './types/metadata.ts';
import { parseRfc3339 } from './verify/rfc3339.ts';

/** What a prover has to send of the metadata it found. */
export interface SelectedMetadata {
  /** In the order given. */
  readonly items: readonly Uint8Array[];
  readonly dropped: readonly DroppedMetadata[];
}

export interface DroppedMetadata {
  readonly item: Uint8Array;
  /** Half a sentence for the log. */
  readonly reason: string;
}

interface Candidate {
  readonly item: Uint8Array;
  readonly key: string;
  readonly version: bigint;
}

/**
 * The newest version of every signed metadata item: per name for manifests and manifest
 * descriptions, one per type for everything else. Items that cannot be read or have no RFC 3339
 * version are dropped. Signatures are not verified: that is the verifier's part.
 */
export function selectMetadata(items: readonly Uint8Array[]): SelectedMetadata {
  const newest = new Map<string, Candidate>();
  const dropped: DroppedMetadata[] = [];
  for (const item of items) {
    const candidate = readCandidate(item);
    if (typeof candidate === 'string') {
      dropped.push({ item, reason: candidate });
      continue;
    }
    const best = newest.get(candidate.key);
    const better = best === undefined || candidate.version > best.version;
    if (better) newest.set(candidate.key, candidate);
    const loser = better ? best : candidate;
    if (loser !== undefined) {
      dropped.push({ item: loser.item, reason: `superseded by another ${candidate.key}` });
    }
  }
  const kept = new Set([...newest.values()].map(({ item }) => item));
  return { items: items.filter((item) => kept.has(item)), dropped };
}

function readCandidate(item: Uint8Array): Candidate | string {
  const info = readInfo(item);
  if (typeof info === 'string') return info;
  const { type, name = '', version = '' } = info;
  const time = parseRfc3339(version);
  if (time === undefined) {
    return `version of ${type} ${name}: expected an RFC 3339 time, got ${JSON.stringify(version)}`;
  }
  const named = type === 'Manifest' || type === 'Manifest Description';
  return { item, key: named ? `${type} ${name}` : type, version: time.nanoseconds };
}

function readInfo(item: Uint8Array): MetaInfo | string {
  try {
    return decodeStruct(metaInfoSchema, extractPayload(item).payload).value;
  } catch (error) {
    if (error instanceof CmcError) return error.message;
    throw error;
  }
}
