import type { Component, UnverifiedReport } from '@cmc/attestationreport';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { DecodeError, toHex } from '@cmc/bytes';
import { anchorOf, eventName, readReport, snpMeasurements } from './report-entries.ts';
import { type Change, compareEntries, type Entry } from './snapshot.ts';

/** Not an event, but the value that a register starts with. */
const INIT_VALUE = 'TPM_PCR_INIT_VALUE';
const SNP = 'SNP';

/** An event or a reference value. */
interface Value extends Entry {
  /** What must be the same; the name need not be. */
  readonly match: string;
  readonly optional: boolean;
}

/**
 * What was measured without a reference value (`added`), the mandatory reference values that were
 * not measured (`removed`), and those of one name whose values differ (`changed`). Of containers
 * the files are compared, not the configuration: rules that only a verifier knows allow changes.
 */
export function manifestChanges(
  reportBytes: Uint8Array,
  manifests: readonly Uint8Array[],
): readonly Change[] {
  const report = readReport(reportBytes);
  const measured = measuredValues(report);
  const algorithms = algorithmsOf(report);
  const references = manifests.flatMap((bytes) => referenceValues(bytes, algorithms));
  const known = new Set(references.map(({ match }) => match));
  const present = new Set(measured.map(({ match }) => match));
  return compareEntries(
    unique(references.filter(({ match, optional }) => !optional && !present.has(match))),
    unique(measured.filter(({ match }) => !known.has(match))),
  );
}

function measuredValues(report: UnverifiedReport): readonly Value[] {
  const events = (report.context.collateral ?? []).flatMap(({ type, artifacts = [] }) =>
    artifacts.flatMap(({ index, events: all = [] }) =>
      all
        .filter(({ name }) => name !== INIT_VALUE)
        .map((event) => toValue(event, { anchor: anchorOf(type), index: String(index) })),
    ),
  );
  const guests = snpMeasurements(report).map((digest) => snpValue(digest, false));
  return [...events, ...guests];
}

function referenceValues(
  bytes: Uint8Array,
  algorithms: ReadonlyMap<string, string>,
): readonly Value[] {
  const { sbom } = decodeStruct(metadataSchema, payloadOf(bytes)).value;
  return (sbom?.components ?? []).map((component) => {
    const anchor = propertyOf(component, 'cmc.ta') ?? 'unknown';
    const [hash] = component.hashes ?? [];
    if (anchor === SNP && hash !== undefined) {
      return snpValue(toHex(hash.content), component.optional === true);
    }
    const index = propertyOf(component, 'cmc.index') ?? '0';
    const alg = algorithms.get(anchor);
    return toValue(component, { anchor, index, ...(alg === undefined ? {} : { alg }) });
  });
}

function toValue(
  component: Component,
  {
    anchor,
    index,
    alg,
  }: { readonly anchor: string; readonly index: string; readonly alg?: string },
): Value {
  const { hashes = [], ctrData, name, optional = false } = component;
  const hash = hashes.find((one) => one.alg.toUpperCase() === alg) ?? hashes[0];
  const plain = hash === undefined ? 'no hash' : `${hash.alg} ${toHex(hash.content)}`;
  const value = ctrData === undefined ? plain : `files ${toHex(ctrData.rootfsSha256)}`;
  return {
    section: 'events',
    name: eventName(anchor, index, name),
    value,
    match: `${anchor} ${index} ${value}`,
    optional,
  };
}

function snpValue(digest: string, optional: boolean): Value {
  const value = `SHA-384 ${digest}`;
  return { section: 'events', name: `${SNP} measurement`, value, match: value, optional };
}

/** By anchor, the hash of its events: manifests may have values for several banks of a TPM. */
function algorithmsOf({ context }: UnverifiedReport): ReadonlyMap<string, string> {
  return new Map(
    (context.collateral ?? []).flatMap(({ type, artifacts = [] }) => {
      const events = artifacts.flatMap(({ events: some = [] }) => some);
      const hash = events.find(({ hashes = [] }) => hashes.length > 0)?.hashes?.[0];
      return hash === undefined ? [] : [[anchorOf(type), hash.alg.toUpperCase()] as const];
    }),
  );
}

function propertyOf({ properties = [] }: Component, name: string): string | undefined {
  return properties.find((property) => property.name === name)?.value;
}

function payloadOf(bytes: Uint8Array): Uint8Array {
  try {
    return extractPayload(bytes).payload;
  } catch (error) {
    // Not signed: what a developer has before signing.
    if (error instanceof DecodeError) return bytes;
    throw error;
  }
}

/** How often something was measured says nothing: mostly a value is allowed any number of times. */
function unique(values: readonly Value[]): readonly Value[] {
  return [...new Map(values.map((value) => [`${value.name}\n${value.match}`, value])).values()];
}
