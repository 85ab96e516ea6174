import { equalBytes, toHex } from '@cmc/bytes';
import {
  bootAggregateEntries,
  bootAggregates,
  type ImaEntryContent,
  imaEntryDigest,
  kernelHashName,
} from '@cmc/ima';
import type { HashName } from '../../crypto/index.ts';
import { ErrorCode } from '../../error-codes.ts';
import type { Component } from '../../types/report.ts';
import type { DigestResult } from '../../types/result.ts';
import type { Findings } from '../findings.ts';
import {
  BOOT_AGGREGATE_MISMATCH,
  BOOT_AGGREGATE_UNCHECKED,
  BOOT_AGGREGATE_UNDECIDED,
} from '../note-texts.ts';
import { hashOf } from './components.ts';
import { measuredEntry } from './tpm-ima.ts';

/** As the result names an event that a reference knows: `reference` or `reference: event`. */
const NAME = /^boot_aggregate(?:: |$)/i;
/** Aggregates are over PCR 0 to the first of these, in newer kernels to the second. */
const [LAST_PCR, LAST_PCR_NOW] = [7, 9];
const MAX_TEXTS = 8;

/** What was appraised of IMA's PCR, and what it is compared with. */
export interface BootAggregateInput {
  /** Results of the PCR that IMA extends. */
  readonly results: readonly DigestResult[];
  /** Events of that PCR as the prover reports them. */
  readonly events: readonly Component[];
  /** Values of the PCRs that the quote is over. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly bank: HashName;
  /** Accepts what could be checked if the prover had sent more. */
  readonly allowUnchecked: boolean;
}

/**
 * Whether the first entry of IMA's list is of the boot that is quoted. Its reference value alone only
 * says that some known machine booted like that.
 */
export function checkBootAggregates(input: BootAggregateInput, findings: Findings): void {
  const { results, bank, pcrs } = input;
  const measured = new Map<string, Uint8Array>();
  for (const { success, launched, imaKeyId, name = '', digest } of results) {
    if (!success || !launched || imaKeyId !== undefined || digest === undefined) continue;
    if (NAME.test(name)) measured.set(toHex(digest), digest);
  }
  const aggregates = bootAggregates(pcrs, bank).map(({ digest }) => digest);
  for (const aggregate of aggregates) {
    for (const entry of bootAggregateEntries(aggregate, bank)) {
      measured.delete(toHex(imaEntryDigest(entry, { bank })));
    }
  }
  if (measured.size === 0) return;
  const entries = entriesOf(measured, input);
  const verdicts = [...measured.keys()].map((extended) =>
    judge(extended, entries.get(extended), aggregates, input),
  );
  const texts = (wanted: Verdict['status']): readonly string[] => [
    ...new Set(verdicts.flatMap(({ status, text }) => (status === wanted ? text : []))),
  ];
  for (const note of texts('undecided').slice(0, MAX_TEXTS)) findings.note(note);
  for (const fault of texts('refused').slice(0, MAX_TEXTS)) {
    findings.fail(ErrorCode.MeasurementNoMatch, fault);
  }
}

/** The entries behind digests, of those events that carry them. */
function entriesOf(
  digests: ReadonlyMap<string, Uint8Array>,
  { events, bank }: BootAggregateInput,
): ReadonlyMap<string, ImaEntryContent> {
  const entries = new Map<string, ImaEntryContent>();
  for (const event of events) {
    const value = hashOf(event, bank);
    const key = value === undefined ? '' : toHex(value);
    if (value === undefined || !digests.has(key) || entries.has(key)) continue;
    const entry = measuredEntry(event, value, bank);
    if (entry !== undefined) entries.set(key, entry);
  }
  return entries;
}

interface Verdict {
  readonly status: 'proven' | 'undecided' | 'refused';
  readonly text: string;
}

function judge(
  extended: string,
  entry: ImaEntryContent | undefined,
  aggregates: readonly Uint8Array[],
  { pcrs, bank, allowUnchecked }: BootAggregateInput,
): Verdict {
  const missing = (last: number): readonly number[] =>
    Array.from({ length: last + 1 }, (_, pcr) => pcr).filter((pcr) => !pcrs.has(pcr));
  const undecided = (why: string): Verdict => ({
    status: 'undecided',
    text: `${BOOT_AGGREGATE_UNDECIDED}: ${why}`,
  });
  const unchecked = (why: string): Verdict =>
    allowUnchecked
      ? undecided(why)
      : { status: 'refused', text: `${BOOT_AGGREGATE_UNCHECKED}: ${why}` };

  const unquoted = missing(LAST_PCR);
  if (unquoted.length > 0) return undecided(`PCR ${unquoted.join(', ')} is not quoted`);
  if (entry === undefined) {
    return unchecked(`${extended} is none of these PCRs, and comes without the entry behind it`);
  }
  const { algorithm, value } = entry.digest;
  if (algorithm !== kernelHashName(bank)) {
    return undecided(`it is over the bank of ${algorithm}, the quote over ${bank}`);
  }
  if (aggregates.some((aggregate) => equalBytes(aggregate, value))) {
    return { status: 'proven', text: '' };
  }
  const unquotedNow = missing(LAST_PCR_NOW);
  if (unquotedNow.length > 0) {
    const pcr = unquotedNow.join(', ');
    return unchecked(`it is not that of PCR 0-${LAST_PCR}, and PCR ${pcr} is not quoted`);
  }
  const expected = aggregates.map(toHex).join(' or ');
  const text = `${BOOT_AGGREGATE_MISMATCH}: expected ${expected}, got ${toHex(value)}`;
  return { status: 'refused', text };
}
