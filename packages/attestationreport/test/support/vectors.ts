import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';

/** A file of the vectors. */
export function vector(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
}

/** A JSON file of the vectors. */
export function vectorJson<T>(...path: readonly string[]): T {
  return JSON.parse(readFileSync(join(vectorsDir(), ...path), 'utf8')) as T;
}
