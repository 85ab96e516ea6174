import type { ManifestDescription } from '../types/metadata.ts';
import { propertyOf } from './evidence/components.ts';
import type { Reference, TrustAnchor } from './evidence/evidence-verifier.ts';
import type { MetadataEntry } from './metadata-entry.ts';

const TRUST_ANCHORS: ReadonlySet<string> = new Set<TrustAnchor>([
  'TPM',
  'TDX',
  'SNP',
  'SGX',
  'IAS',
  'SW',
]);

export interface CollectedReferences {
  readonly byAnchor: ReadonlyMap<TrustAnchor, readonly Reference[]>;
  /** Components that belong to no trust anchor, a sentence each. */
  readonly faults: readonly string[];
}

/** The reference components of all manifests by the trust anchor that measures them. */
export function collectReferences(
  manifests: readonly MetadataEntry[],
  descriptions: readonly ManifestDescription[],
): CollectedReferences {
  const byAnchor = new Map<TrustAnchor, Reference[]>();
  const faults: string[] = [];
  for (const { metadata } of manifests) {
    const { name: manifest = '', sbom } = metadata;
    const ociRules = descriptions.find(
      (description) => description.manifest === manifest && description.ociRules !== undefined,
    )?.ociRules;
    for (const component of sbom?.components ?? []) {
      const anchor = propertyOf(component, 'cmc.ta');
      if (!isTrustAnchor(anchor)) {
        const got = anchor === undefined ? 'none or several' : JSON.stringify(anchor);
        faults.push(`${component.name} of manifest ${manifest}: expected a cmc.ta, got ${got}`);
        continue;
      }
      const references = byAnchor.get(anchor) ?? [];
      references.push({ component, manifest, ...(ociRules === undefined ? {} : { ociRules }) });
      byAnchor.set(anchor, references);
    }
  }
  return { byAnchor, faults };
}

function isTrustAnchor(text: string | undefined): text is TrustAnchor {
  return text !== undefined && TRUST_ANCHORS.has(text);
}
