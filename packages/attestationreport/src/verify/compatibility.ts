import { ErrorCode } from '../error-codes.ts';
import type { ManifestDescription, Metadata } from '../types/metadata.ts';
import type { CompatibilityResult, Result } from '../types/result.ts';
import { Findings } from './findings.ts';

/** How image description and manifests fit together. */
export interface Compatibility<T> {
  readonly result: CompatibilityResult;
  /** The manifests, each after one of its base layers, the root first; what has no place is last. */
  readonly sorted: readonly T[];
  readonly root: T | undefined;
}

/**
 * Checks that descriptions and manifests name each other and that every manifest builds on the one
 * root manifest.
 */
export function checkCompatibility<T extends { readonly metadata: Metadata }>(
  imageDescription: Metadata | undefined,
  manifests: readonly T[],
): Compatibility<T> {
  const findings = new Findings();
  if ((imageDescription?.name ?? '') === '') findings.fail(ErrorCode.ImageDescriptionNotPresent);
  const descriptions = imageDescription?.descriptions ?? [];
  const described = descriptions.map(({ manifest }) => manifest ?? '');
  const names = manifests.map(nameOf);

  const descriptionMatch = descriptions.map((description) =>
    matchDescription(description, names, descriptions),
  );
  const manifestMatch = names
    .filter((name) => !includesName(described, name))
    .map((got): Result => ({ status: 'fail', got, expectedOneOf: described }));
  const { sorted, root, manifestCompatibility } = arrange(manifests, findings);

  for (const check of [...descriptionMatch, ...manifestMatch, ...manifestCompatibility]) {
    if (check.status === 'fail') findings.fail(undefined);
  }
  return {
    sorted,
    root,
    result: {
      result: findings.toResult(),
      ...(descriptionMatch.length === 0 ? {} : { descriptionMatch }),
      ...(manifestMatch.length === 0 ? {} : { manifestMatch }),
      ...(manifestCompatibility.length === 0 ? {} : { manifestCompatibility }),
    },
  };
}

function matchDescription(
  description: ManifestDescription,
  names: readonly string[],
  all: readonly ManifestDescription[],
): Result {
  const { manifest: got = '' } = description;
  const rules = all.filter(({ manifest, ociRules }) => manifest === got && ociRules !== undefined);
  const result = { got, expectedOneOf: names };
  if (rules.length > 1) {
    const details = `expected rules in one description of the manifest, got them in ${rules.length}`;
    return { status: 'fail', ...result, details };
  }
  return { status: includesName(names, got) ? 'success' : 'fail', ...result };
}

function arrange<T extends { readonly metadata: Metadata }>(
  manifests: readonly T[],
  findings: Findings,
): Pick<Compatibility<T>, 'sorted' | 'root'> & {
  readonly manifestCompatibility: readonly Result[];
} {
  const [root, second] = manifests.filter(isRoot);
  if (root === undefined || second !== undefined) {
    findings.fail(root === undefined ? ErrorCode.NoRootManifest : ErrorCode.MultipleRootManifests);
    return { sorted: manifests, root: undefined, manifestCompatibility: [] };
  }
  const placed = new Set([root]);
  // A set yields what is added to it while it is walked: this is a breadth-first search.
  for (const base of placed) {
    for (const manifest of manifests) {
      if (baseLayersOf(manifest).includes(nameOf(base))) placed.add(manifest);
    }
  }
  const unplaced = manifests.filter((manifest) => !placed.has(manifest));
  return {
    sorted: [...placed, ...unplaced],
    root,
    manifestCompatibility: [
      { status: 'success', got: nameOf(root) },
      ...[...placed].slice(1).map((manifest) => layerResult('success', manifest)),
      ...unplaced.map((manifest) => layerResult('fail', manifest)),
    ],
  };
}

function layerResult(status: string, manifest: { readonly metadata: Metadata }): Result {
  const expectedOneOf = baseLayersOf(manifest);
  return {
    status,
    got: nameOf(manifest),
    ...(expectedOneOf.length === 0 ? {} : { expectedOneOf }),
  };
}

function isRoot(manifest: { readonly metadata: Metadata }): boolean {
  const name = nameOf(manifest);
  const layers = baseLayersOf(manifest);
  return name !== '' && layers.length === 1 && layers[0] === name;
}

function nameOf(manifest: { readonly metadata: Metadata }): string {
  return manifest.metadata.name ?? '';
}

function baseLayersOf(manifest: { readonly metadata: Metadata }): readonly string[] {
  return manifest.metadata.baseLayers ?? [];
}

function includesName(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}
