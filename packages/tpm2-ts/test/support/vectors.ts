import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import type { HashName, PcrValues } from '../../src/verify/index.ts';

/** A case of an index.json. */
export interface VectorCase {
  readonly id: string;
  readonly kind: string;
  readonly file: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly expected: {
    readonly verdict: string;
    readonly nonce: string;
    readonly signature: string;
    readonly rejectReason?: string;
  };
  readonly facts: {
    readonly attest: { readonly pcrSelection?: Readonly<Record<string, readonly number[]>> };
    readonly signature: { readonly hash: string };
  };
}

export const BANKS: Readonly<Record<string, HashName>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

export function readVector(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
}

export function readText(...path: readonly string[]): string {
  return readFileSync(join(vectorsDir(), ...path), 'utf8');
}

export function readCases(category: string): readonly VectorCase[] {
  return JSON.parse(readText(category, 'index.json')).entries;
}

/** SubjectPublicKeyInfo of a PEM public key or certificate. */
export function spkiOfPem(pem: string): Uint8Array {
  const key = pem.includes('BEGIN CERTIFICATE')
    ? new X509Certificate(pem).publicKey
    : createPublicKey(pem);
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
}

/** PCR values of a `{ bank: { index: hex } }` file. */
export function readPcrs(...path: readonly string[]): PcrValues {
  return pcrsOf(JSON.parse(readText(...path)));
}

export function pcrsOf(
  file: Readonly<Record<string, Readonly<Record<string, string>>>>,
): PcrValues {
  return new Map(
    Object.entries(file).map(([bank, values]) => [
      BANKS[bank] as HashName,
      new Map(Object.entries(values).map(([pcr, hex]) => [Number(pcr), fromHex(hex)])),
    ]),
  );
}
