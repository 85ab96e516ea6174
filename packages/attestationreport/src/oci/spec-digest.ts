import { encodeUtf8 } from '@cmc/bytes';
import { digest } from '../crypto/index.ts';
import type { JsonObject } from '../types/report.ts';
import { canonicalizeJson } from './canonical-json.ts';
import { conformSpec } from './conform-spec.ts';
import { sortSpec } from './sort-spec.ts';

/** An OCI runtime configuration in the form that is hashed and compared, with its hash. */
export interface CanonicalSpec {
  readonly spec: JsonObject;
  /** SHA-256 of the canonical JSON of {@link CanonicalSpec.spec}. */
  readonly digest: Uint8Array;
}

/**
 * SHA-256 of an OCI runtime configuration: `configSha256` of container data.
 * @throws {DecodeError} not a runtime configuration
 */
export function specDigest(spec: JsonObject): Uint8Array {
  return canonicalSpec(spec).digest;
}

/** @throws {DecodeError} not a runtime configuration */
export function canonicalSpec(spec: JsonObject): CanonicalSpec {
  const sorted = sortSpec(conformSpec(spec));
  return { spec: sorted, digest: digest('SHA-256', encodeUtf8(canonicalizeJson(sorted))) };
}
