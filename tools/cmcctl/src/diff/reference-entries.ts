import type { Component } from '@cmc/attestationreport';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { DecodeError, toHex } from '@cmc/bytes';
import { eventName } from './report-entries.ts';
import type { Entry } from './snapshot.ts';

/** A reference value of a manifest. */
export interface ReferenceEntry extends Entry {
  readonly optional: boolean;
}

/** The reference values of a manifest, signed or not; nothing is verified. */
export function referenceEntries(bytes: Uint8Array): readonly ReferenceEntry[] {
  const { sbom } = decodeStruct(metadataSchema, payloadOf(bytes)).value;
  return (sbom?.components ?? []).map((component) => {
    const anchor = propertyOf(component, 'cmc.ta') ?? 'unknown';
    const index = propertyOf(component, 'cmc.index') ?? '0';
    return {
      section: 'events',
      name: eventName(anchor, index, component.name),
      value: referenceValue(component),
      optional: component.optional === true,
    };
  });
}

/**
 * What of an event and of a reference value must be the same: the hash; of containers the files,
 * because the configuration may differ within rules that only a verifier knows.
 */
export function referenceValue({ hashes = [], ctrData }: Component): string {
  if (ctrData !== undefined) return `files ${toHex(ctrData.rootfsSha256)}`;
  return hashes.map(({ alg, content }) => `${alg} ${toHex(content)}`).join(', ') || 'no hash';
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
