import type { HashName } from '../../crypto/index.ts';
import type { Component } from '../../types/report.ts';

// Loops, not array functions: these run for every event of a log.

/** Hash of a component, or `undefined` when it has none or more than one of this algorithm. */
export function hashOf({ hashes = [] }: Component, alg: HashName): Uint8Array | undefined {
  let content: Uint8Array | undefined;
  for (const hash of hashes) {
    if (hash.alg !== alg && hash.alg.toUpperCase() !== alg) continue;
    if (content !== undefined) return undefined;
    content = hash.content;
  }
  return content;
}

/** Value of a property, or `undefined` when the component has none or more than one of the name. */
export function propertyOf({ properties = [] }: Component, name: string): string | undefined {
  let value: string | undefined;
  for (const property of properties) {
    if (property.name !== name) continue;
    if (value !== undefined) return undefined;
    value = property.value;
  }
  return value;
}
