import { readFileSync } from 'node:fs';
import { encodeUtf8 } from '@cmc/bytes';
import { parseJson } from '../../src/codec/index.ts';
import type { JsonObject } from '../../src/types/report.ts';

/** See vectors/oci/README.md for where the expected values come from. */
interface OciVectors {
  readonly normalize: readonly {
    readonly name: string;
    readonly containerId: string;
    readonly config: string;
    readonly normalized: string;
    readonly sha256: string;
  }[];
  readonly digest: readonly {
    readonly name: string;
    readonly spec: unknown;
    readonly sha256?: string;
    readonly error?: true;
  }[];
  readonly rules: readonly {
    readonly name: string;
    readonly reference: unknown;
    readonly measured: unknown;
    readonly rules: unknown;
    readonly accepted: boolean;
  }[];
  readonly canonical: readonly {
    readonly name: string;
    readonly text: string;
    readonly canonical: string;
  }[];
}

const file = new URL('../../vectors/oci/oci-vectors.json', import.meta.url);
export const ociVectors: OciVectors = JSON.parse(readFileSync(file, 'utf8'));

/** A value of a vector as the package's own parser gives it. */
export function asJsonObject(value: unknown): JsonObject {
  return parseJson(encodeUtf8(JSON.stringify(value))) as JsonObject;
}
