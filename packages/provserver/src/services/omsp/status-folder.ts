import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { SingleOmspResponse } from '@cmc/attestationreport';
import { parseJson, stringifyGoJson } from '@cmc/attestationreport/codec';
import { encodeUtf8 } from '@cmc/bytes';
import { writeFileAtomic } from '@cmc/host/files';
import { ProvError } from '../../errors.ts';
import { MAX_STATUS_BYTES } from './limits.ts';

export const MANIFEST_STATUSES = ['good', 'outdated', 'revoked', 'unknown'] as const;
export type ManifestStatus = (typeof MANIFEST_STATUSES)[number];

/** What the operator says of one manifest. */
export type StoredStatus = Omit<Partial<SingleOmspResponse>, 'manifestHash' | 'status'> & {
  readonly status: ManifestStatus;
};

/** Hex of a digest of SHA-256, SHA-384 or SHA-512. */
const HASH = /^(?:[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/;
const TIMES = ['thisUpdate', 'nextUpdate', 'revocationTime'] as const;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Lower case. @throws {ProvError} ERR_PROV_CONFIG */
export function checkManifestHash(text: string): string {
  const hash = text.toLowerCase();
  if (HASH.test(hash)) return hash;
  throw new ProvError('ERR_PROV_CONFIG', 'expected the hex digest of a signed manifest');
}

/** None when there is no statement about the manifest. @throws {ProvError} ERR_PROV_CONFIG */
export async function readStatus(folder: string, hash: string): Promise<StoredStatus | undefined> {
  const name = `${checkManifestHash(hash)}.json`;
  const content = await readSmall(join(folder, name));
  return content === undefined ? undefined : decodeStatus(content, name);
}

/** Replaces the statement about a manifest. @throws {ProvError} ERR_PROV_CONFIG */
export async function writeStatus(
  folder: string,
  hash: string,
  status: StoredStatus,
): Promise<void> {
  const manifestHash = checkManifestHash(hash);
  const content = encodeUtf8(`${stringifyGoJson({ manifestHash, ...status })}\n`);
  decodeStatus(content, manifestHash);
  const path = join(folder, `${manifestHash}.json`);
  if (content.length > MAX_STATUS_BYTES) {
    throw new ProvError('ERR_PROV_CONFIG', `${path}: more than ${MAX_STATUS_BYTES} bytes`);
  }
  try {
    await writeFileAtomic(path, content, { mode: 0o644 });
  } catch (cause) {
    throw new ProvError('ERR_PROV_CONFIG', `cannot write ${path}`, { cause });
  }
}

function decodeStatus(content: Uint8Array, name: string): StoredStatus {
  const wrong = (problem: string, cause?: unknown): ProvError =>
    new ProvError('ERR_PROV_CONFIG', `${name}: ${problem}`, { cause });
  let value: unknown;
  try {
    value = parseJson(content);
  } catch (cause) {
    throw wrong('no JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('expected an object');
  }
  const members = value as Readonly<Record<string, unknown>>;
  const { status, revocationReason } = members;
  const known = MANIFEST_STATUSES.find((candidate) => candidate === status);
  if (known === undefined) throw wrong(`status: expected one of ${MANIFEST_STATUSES.join(', ')}`);
  const times: Partial<Record<(typeof TIMES)[number], string>> = {};
  for (const member of TIMES) {
    const time = members[member];
    if (time === undefined || time === '') continue;
    if (typeof time !== 'string' || !RFC3339.test(time) || Number.isNaN(Date.parse(time))) {
      throw wrong(`${member}: expected a time of RFC 3339`);
    }
    times[member] = time;
  }
  if (revocationReason !== undefined && typeof revocationReason !== 'string') {
    throw wrong('revocationReason: expected text');
  }
  return { status: known, ...times, ...(revocationReason && { revocationReason }) };
}

async function readSmall(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const buffer = new Uint8Array(MAX_STATUS_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead <= MAX_STATUS_BYTES) return buffer.slice(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new ProvError('ERR_PROV_CONFIG', `cannot read ${path}`, { cause });
  }
  throw new ProvError('ERR_PROV_CONFIG', `${path} has more than ${MAX_STATUS_BYTES} bytes`);
}
