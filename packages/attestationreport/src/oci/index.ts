export { canonicalizeJson } from './canonical-json.ts';
export type { CompareOciSpecOptions, SpecDifference } from './compare-spec.ts';
export { compareOciSpec } from './compare-spec.ts';
export { labelOpenEnv, redactEnv } from './env-rules.ts';
export type { NormalizeOciSpecOptions } from './normalize-spec.ts';
export { normalizeOciSpec } from './normalize-spec.ts';
export { sortSpec } from './sort-spec.ts';
export type { CanonicalSpec } from './spec-digest.ts';
export { canonicalSpec, specDigest } from './spec-digest.ts';
