import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import type { HashName } from '../src/index.ts';

/** Names of banks in the vectors. */
export const BANKS: Readonly<Record<string, HashName>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

export interface EventLogVector {
  readonly id: string;
  readonly file: string;
  readonly kind: 'tcg-eventlog' | 'ccel';
  readonly expected: {
    readonly verdict: 'parse' | 'reject' | 'parse-or-reject' | 'empty-or-reject';
    readonly pcrs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  readonly files?: { readonly events?: string };
  readonly facts: {
    readonly eventCount?: number;
    readonly parsedBytes?: number;
    readonly startupLocality?: number;
    readonly eventTypes?: Readonly<Record<string, number>>;
  };
}

export function readVector(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
}

export function readJson(...path: readonly string[]): unknown {
  return JSON.parse(readFileSync(join(vectorsDir(), ...path), 'utf8'));
}

export const VECTORS: readonly EventLogVector[] = (
  readJson('eventlog', 'index.json') as { readonly entries: readonly EventLogVector[] }
).entries;

export const formatOf = ({ kind }: EventLogVector): 'ccel' | 'tcg' =>
  kind === 'ccel' ? 'ccel' : 'tcg';
