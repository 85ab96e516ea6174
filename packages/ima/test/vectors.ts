import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { type HashName, imaAsciiToBinary } from '../src/index.ts';

export const BANKS: Readonly<Record<string, HashName>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

export interface ImaVector {
  readonly id: string;
  readonly file: string;
  readonly kind: 'ima-ascii' | 'ima-binary';
  readonly expected: {
    readonly verdict: 'parse' | 'reject';
    readonly replay?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  readonly facts: {
    readonly templateHashAlg?: string;
    readonly entries?: number;
    readonly templateHash?: Readonly<Record<string, number>>;
  };
}

export function readVector(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
}

export function readJson(...path: readonly string[]): unknown {
  return JSON.parse(readFileSync(join(vectorsDir(), ...path), 'utf8'));
}

export const VECTORS: readonly ImaVector[] = (
  readJson('ima', 'index.json') as { readonly entries: readonly ImaVector[] }
).entries;

/** Algorithm of logged template digests: the list with a made-up file hash has 32 bytes there. */
export function loggedAs(vector: ImaVector): HashName {
  if (vector.id === 'keylime-two-lines-unknown') return 'SHA-256';
  return BANKS[vector.facts.templateHashAlg ?? 'sha1'] ?? 'SHA-1';
}

export function binaryOf(vector: ImaVector): Uint8Array {
  const bytes = readVector('ima', vector.file);
  return vector.kind === 'ima-binary'
    ? bytes
    : imaAsciiToBinary(new TextDecoder().decode(bytes), loggedAs(vector));
}
