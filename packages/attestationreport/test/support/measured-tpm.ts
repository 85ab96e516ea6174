import type { Measurer } from '../../src/contract.ts';
import type { Artifact, Component } from '../../src/types/report.ts';
import { BOOT, type FakeEvent, type FakeTpmOptions, fakeTpm, tpmReferences } from './tpm.ts';

/** An event of PCR 10. */
export interface MeasuredFile {
  readonly name: string;
  /** What is extended. */
  readonly digest: Uint8Array;
  /** Whether the metadata has a reference value for it. */
  readonly isKnown: boolean;
  /** The entry of IMA's list, as a driver sends it. */
  readonly entry?: string;
}

/** A TPM in memory that quotes all PCRs of a boot, and what was measured into PCR 10 since. */
export interface MeasuredTpm {
  readonly measurer: Measurer;
  /** What its manifest has to know. */
  readonly references: readonly Component[];
}

export function measuredTpm(
  options: Pick<FakeTpmOptions, 'key' | 'certs' | 'clockInfo'>,
  measured: readonly MeasuredFile[] = [],
): MeasuredTpm {
  const eventOf = ({ name, digest }: MeasuredFile): FakeEvent => ({
    name,
    data: '',
    extended: digest,
  });
  const boot: Readonly<Record<number, readonly FakeEvent[]>> = {
    ...Object.fromEntries(Array.from({ length: 8 }, (_, pcr) => [pcr, []])),
    ...BOOT,
  };
  const withEntry = (event: Component): Component => {
    const entry = measured.find(({ name }) => name === event.name)?.entry;
    if (entry === undefined) return event;
    const { properties = [] } = event;
    return { ...event, properties: [...(properties ?? []), { name: 'cmc.ima', value: entry }] };
  };
  const known = { 10: measured.filter(({ isKnown }) => isKnown).map(eventOf) };
  return {
    measurer: fakeTpm({
      ...options,
      events: { ...boot, 10: [...(boot[10] ?? []), ...measured.map(eventOf)] },
      artifacts: (artifacts) =>
        artifacts.map((log): Artifact => ({ ...log, events: (log.events ?? []).map(withEntry) })),
    }),
    references: [...tpmReferences(boot), ...tpmReferences(known)],
  };
}
