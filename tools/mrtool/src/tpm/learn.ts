import type { Component } from '@cmc/attestationreport';
import { equalBytes, toHex } from '@cmc/bytes';
import { pcrEvent } from '@cmc/driver-tpm/log';
import { parseEventLog, replay, resetValue } from '@cmc/eventlog';
import { type HashName, type ImaEntry, ImaReplay, type ImaState, parseImaList } from '@cmc/ima';
import { MrError } from '../errors.ts';
import { eventLogComponents } from './event-log.ts';
import { type ImaComponents, imaComponents } from './ima.ts';

/** Name of a component that stands for a PCR as a whole. */
const SUMMARY = 'PCR Summary';

/** A machine as it is: PCR values, and the logs as they were after those were read. */
export interface LearnOptions {
  readonly bank: HashName;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** `binary_bios_measurements`. Default: the machine has none. */
  readonly eventLog?: Uint8Array;
  /** `binary_runtime_measurements`; later entries than the PCR values tell of are left out. */
  readonly imaList?: Uint8Array;
}

/**
 * Reference components for all that the PCRs contain. Nothing is learned that the TPM does not
 * confirm: the logs must give the values of all PCRs.
 * @throws {MrError} ERR_MR_MISMATCH
 */
export function learn({ bank, pcrs, eventLog, imaList }: LearnOptions): ImaComponents {
  const wanted = [...pcrs.keys()];
  const log = eventLog === undefined ? undefined : parseEventLog(eventLog);
  const values = new Map(log === undefined ? [] : replay(log, bank));
  const list = imaList === undefined ? undefined : confirmed(imaList, bank, pcrs);
  for (const [pcr, value] of list?.pcrs ?? []) {
    if (values.has(pcr)) throw mismatch(pcr, 'it is in the event log and in the IMA list');
    values.set(pcr, value);
  }
  for (const [pcr, value] of pcrs) {
    const expected = values.get(pcr) ?? resetValue(pcr, bank);
    if (!equalBytes(value, expected)) {
      throw mismatch(pcr, `it is ${toHex(value)}, the logs give ${toHex(expected)}`);
    }
  }
  const boot = log === undefined ? [] : eventLogComponents(log, { banks: [bank], pcrs: wanted });
  const files = imaComponents(list?.entries ?? [], {
    banks: [bank],
    pcrs: wanted,
    paddedSha1: list?.paddedSha1 ?? false,
  });
  return { components: [...boot, ...files.components], violations: files.violations };
}

/** Reference components for PCRs as a whole, for machines that report no logs. */
export function summaries(
  bank: HashName,
  pcrs: ReadonlyMap<number, Uint8Array>,
): readonly Component[] {
  return [...pcrs].map(([pcr, content]) =>
    pcrEvent(pcr, { name: SUMMARY, hashes: [{ alg: bank, content }] }),
  );
}

interface ConfirmedList {
  readonly entries: readonly ImaEntry[];
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly paddedSha1: boolean;
}

/** The entries up to that after which the list gives the values of the TPM. */
function confirmed(
  list: Uint8Array,
  bank: HashName,
  pcrs: ReadonlyMap<number, Uint8Array>,
): ConfirmedList {
  const { entries, state } = parseImaList(list, { bank });
  for (const paddedSha1 of bank === 'SHA-1' ? [false] : [false, true]) {
    let end: ImaState | undefined;
    const replayed = new ImaReplay({
      bank,
      paddedSha1,
      onEntry: () => {
        const now = replayed.state();
        if (isConfirmed(now, pcrs)) end = { ...now, count: now.count + 1 };
      },
    });
    replayed.push(list);
    if (end !== undefined) {
      return { entries: entries.slice(0, end.count), pcrs: end.pcrs, paddedSha1 };
    }
  }
  // The comparison of all PCRs says what is wrong.
  return { entries, pcrs: state.pcrs, paddedSha1: false };
}

function isConfirmed(state: ImaState, pcrs: ReadonlyMap<number, Uint8Array>): boolean {
  return [...state.pcrs].every(([pcr, value]) => {
    const expected = pcrs.get(pcr);
    return expected === undefined || equalBytes(expected, value);
  });
}

function mismatch(pcr: number, problem: string): MrError {
  return new MrError('ERR_MR_MISMATCH', `PCR ${pcr} cannot be learned: ${problem}`);
}
