import { CmcError, concatBytes, equalBytes, toHex } from '@cmc/bytes';
import { digest } from '../../crypto/index.ts';
import {
  type CanonicalSpec,
  canonicalSpec,
  compareOciSpec,
  labelOpenEnv,
  redactEnv,
} from '../../oci/index.ts';
import type { Component, CtrData, JsonObject } from '../../types/report.ts';
import type { DigestResult } from '../../types/result.ts';
import { hashOf } from './components.ts';
import type { Reference } from './evidence-verifier.ts';

const SHA256 = 'SHA-256';
const SHA256_BYTES = 32;

/** A reference container, its configuration in the form that is compared. */
interface ReferenceContainer {
  readonly reference: Reference;
  readonly rootfs: Uint8Array | undefined;
  /** Why it cannot match anything, or its configuration. */
  readonly config: CanonicalSpec | string;
}

/** A measured container. */
interface MeasuredContainer {
  readonly event: Component;
  /** Why it cannot match anything, or what was measured. */
  readonly measured: Measured | string;
}
interface Measured {
  readonly template: Uint8Array;
  readonly data: CtrData;
  /** Absent when the log does not have it; its hash is the measured one. */
  readonly config: JsonObject | undefined;
}

/**
 * Compares the events of a container log with the reference containers: every event must match a
 * reference, every mandatory reference an event.
 */
export function matchContainers(
  events: readonly Component[],
  references: readonly Reference[],
): { readonly artifacts: readonly DigestResult[]; readonly success: boolean } {
  const containers = references.map(readReference);
  const byRootfs = new Map<string, ReferenceContainer[]>();
  for (const container of containers) {
    if (container.rootfs === undefined) continue;
    const key = toHex(container.rootfs);
    byRootfs.set(key, [...(byRootfs.get(key) ?? []), container]);
  }
  const seen = new Set<string>();
  const matched = new Set<ReferenceContainer>();
  const eventResults = events.map((event): DigestResult => {
    const measured = readEvent(event, seen);
    const match = findReference(measured, byRootfs);
    if (typeof match === 'string') return unmatchedEvent(measured, match);
    for (const container of match) matched.add(container);
    return verifiedEvent(measured, match[0]);
  });
  const missing = containers.filter((container) => !matched.has(container)).map(missingReference);
  const artifacts = [...missing, ...eventResults];
  return { artifacts, success: artifacts.every(({ success }) => success) };
}

function readReference(reference: Reference): ReferenceContainer {
  const { ctrData } = reference.component;
  const rootfs = hashOf(reference.component, SHA256);
  if (ctrData?.ociSpec === undefined) {
    return { reference, rootfs, config: 'the reference has no container configuration' };
  }
  return { reference, rootfs, config: readSpec(ctrData.ociSpec) };
}

function readEvent(event: Component, seen: Set<string>): MeasuredContainer {
  const template = hashOf(event, SHA256);
  const data = event.ctrData;
  if (template?.length !== SHA256_BYTES) {
    return { event, measured: 'the event has no single SHA-256 hash' };
  }
  // The log never has one container twice: a second entry was put there by somebody else.
  if (seen.has(toHex(template))) return { event, measured: 'the event occurs more than once' };
  seen.add(toHex(template));
  if (data === undefined) return { event, measured: 'the event has no container data' };
  if (data.configSha256.length !== SHA256_BYTES || data.rootfsSha256.length !== SHA256_BYTES) {
    return { event, measured: 'the container data has hashes of a wrong length' };
  }
  if (data.ociSpec === undefined) return { event, measured: { template, data, config: undefined } };
  const config = readSpec(data.ociSpec);
  if (typeof config === 'string') return { event, measured: config };
  if (!equalBytes(config.digest, data.configSha256)) {
    const expected = `expected ${toHex(data.configSha256)}, got ${toHex(config.digest)}`;
    return { event, measured: `the configuration does not have the measured hash: ${expected}` };
  }
  return { event, measured: { template, data, config: config.spec } };
}

/** All references that an event matches, or why there is none. */
function findReference(
  { measured }: MeasuredContainer,
  byRootfs: ReadonlyMap<string, readonly ReferenceContainer[]>,
): readonly [ReferenceContainer, ...ReferenceContainer[]] | string {
  if (typeof measured === 'string') return measured;
  const { data, template } = measured;
  const candidates = byRootfs.get(toHex(data.rootfsSha256)) ?? [];
  if (candidates.length === 0) {
    return `no reference value has the root file system ${toHex(data.rootfsSha256)}`;
  }
  if (!equalBytes(digest(SHA256, concatBytes(data.configSha256, data.rootfsSha256)), template)) {
    return 'the hash of the event is not that of its configuration and root file system';
  }
  const differences = candidates.map((container) => compare(container, measured));
  const [first, ...others] = candidates.filter((_, i) => differences[i] === undefined);
  return first === undefined ? differences.join('; ') : [first, ...others];
}

/** Why a measured container is not the reference container; `undefined` when it is. */
function compare(container: ReferenceContainer, measured: Measured): string | undefined {
  const { config, reference } = container;
  const name = `${reference.component.name} of manifest ${reference.manifest}`;
  if (typeof config === 'string') return `${name}: ${config}`;
  if (equalBytes(config.digest, measured.data.configSha256)) return undefined;
  if (measured.config === undefined) {
    return `${name}: the configuration has another hash, and the log does not have it to compare`;
  }
  const difference = compareOciSpec({
    reference: config.spec,
    measured: measured.config,
    ...(reference.ociRules === undefined ? {} : { rules: reference.ociRules }),
  });
  return difference && `${name}: ${difference.path.join('.')} ${difference.reason}`;
}

function verifiedEvent(measured: MeasuredContainer, match: ReferenceContainer): DigestResult {
  const { component, ociRules } = match.reference;
  const { ctrData } = component;
  return {
    success: true,
    launched: true,
    type: 'Verified',
    name: component.name,
    index: 0,
    ...digestMembers(hashOf(measured.event, SHA256)),
    ...containerMembers(ctrData, (spec) => (ociRules ? labelOpenEnv(spec, ociRules) : spec)),
    ...(component.purl === undefined ? {} : { purl: component.purl }),
  };
}

function unmatchedEvent({ event }: MeasuredContainer, reason: string): DigestResult {
  return {
    success: false,
    launched: true,
    type: 'Measurement',
    name: event.name,
    index: 0,
    ...digestMembers(hashOf(event, SHA256)),
    description: reason,
    ...containerMembers(event.ctrData, redactEnv),
    ...(event.purl === undefined ? {} : { purl: event.purl }),
  };
}

function missingReference({ reference, rootfs }: ReferenceContainer): DigestResult {
  const { component } = reference;
  return {
    success: component.optional === true,
    launched: false,
    type: 'SW',
    name: component.name,
    index: 0,
    ...digestMembers(rootfs),
    ...containerMembers(component.ctrData, (spec) => spec),
    ...(component.purl === undefined ? {} : { purl: component.purl }),
  };
}

function digestMembers(hash: Uint8Array | undefined): Pick<DigestResult, 'digest' | 'hashAlg'> {
  return { ...(hash === undefined ? {} : { digest: hash }), hashAlg: SHA256 };
}

function containerMembers(
  data: CtrData | undefined,
  mapSpec: (spec: JsonObject) => JsonObject,
): Pick<DigestResult, 'ctrDetails'> {
  if (data === undefined) return {};
  const { ociSpec } = data;
  return { ctrDetails: ociSpec === undefined ? data : { ...data, ociSpec: mapSpec(ociSpec) } };
}

function readSpec(spec: JsonObject): CanonicalSpec | string {
  try {
    return canonicalSpec(spec);
  } catch (error) {
    if (error instanceof CmcError || error instanceof RangeError) return error.message;
    throw error;
  }
}
