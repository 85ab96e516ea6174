import type { Component, ReferenceHash } from '@cmc/attestationreport';

/** Roles of the PCRs of a TPM; all others are of applications. */
const FIRMWARE: readonly number[] = [0, 1, 2, 3];
const OPERATING_SYSTEM: readonly number[] = [4, 5, 8, 9];
const PLATFORM: readonly number[] = [6, 7];

/** What is of one kind of component only. */
export interface TpmComponentParts
  extends Pick<Component, 'optional' | 'description' | 'eventdata'> {
  readonly name: string;
  readonly hashes: readonly ReferenceHash[];
}

/** A reference component for a PCR. */
export function tpmComponent(pcr: number, parts: TpmComponentParts): Component {
  return {
    type: typeOf(pcr),
    ...parts,
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(pcr) },
    ],
  };
}

function typeOf(pcr: number): string {
  if (FIRMWARE.includes(pcr)) return 'firmware';
  if (OPERATING_SYSTEM.includes(pcr)) return 'operating-system';
  return PLATFORM.includes(pcr) ? 'platform' : 'application';
}
