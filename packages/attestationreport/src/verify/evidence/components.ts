import type { HashName } from '../../crypto/index.ts';
import type { Component } from '../../types/report.ts';

/** Hash of a component, or `undefined` when it has none or more than one of this algorithm. */
export function hashOf(component: Component, alg: HashName): Uint8Array | undefined {
  const hashes = (component.hashes ?? []).filter((hash) => hash.alg.toUpperCase() === alg);
  return hashes.length === 1 ? hashes[0]?.content : undefined;
}

/** Value of a property, or `undefined` when the component has none or more than one of the name. */
export function propertyOf(component: Component, name: string): string | undefined {
  const properties = (component.properties ?? []).filter((property) => property.name === name);
  return properties.length === 1 ? properties[0]?.value : undefined;
}
