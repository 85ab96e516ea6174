import type { Component, ReferenceHash } from '@cmc/attestationreport';

/**
 * Roles of the PCRs (TCG PC Client Platform Firmware Profile, section 3.3.4); all others are of
 * applications.
 */
const TYPES: ReadonlyMap<number, string> = new Map([
  ...[0, 1, 2, 3].map((pcr) => [pcr, 'firmware'] as const),
  ...[4, 5, 8, 9].map((pcr) => [pcr, 'operating-system'] as const),
  ...[6, 7].map((pcr) => [pcr, 'platform'] as const),
]);

/** What differs between the events of a PCR. */
export interface PcrEventParts extends Pick<Component, 'optional' | 'description' | 'eventdata'> {
  readonly name: string;
  readonly hashes: readonly ReferenceHash[];
}

/** An event of a PCR, as reports and reference values have it. */
export function pcrEvent(pcr: number, parts: PcrEventParts): Component {
  return {
    type: TYPES.get(pcr) ?? 'application',
    ...parts,
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(pcr) },
    ],
  };
}
