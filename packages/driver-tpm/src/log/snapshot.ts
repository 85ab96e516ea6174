import { createHash } from 'node:crypto';
import type { Artifact, Component } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import { resetValue } from '@cmc/eventlog';

/** Banks that can be quoted; of SHA-1 no verifier takes anything any more. */
export type Bank = 'SHA-256' | 'SHA-384' | 'SHA-512';

/** What a log says at one moment. */
export interface LogSnapshot {
  /** Events by PCR, each in the order of its extends. */
  readonly events: ReadonlyMap<number, readonly Component[]>;
  /** Values that they give. */
  readonly values: ReadonlyMap<number, Uint8Array>;
  /** How much was read of it. */
  readonly length: number;
}

/** The digest of an event in a bank. */
export function digestIn({ hashes = [] }: Component, bank: Bank): Uint8Array | undefined {
  return hashes.find(({ alg }) => alg.toUpperCase() === bank)?.content;
}

/** The value of a PCR after events, none of which is a start value. */
export function extendAll(start: Uint8Array, events: readonly Component[], bank: Bank): Uint8Array {
  return events.reduce<Uint8Array>((value, event) => {
    const digest = digestIn(event, bank) ?? new Uint8Array();
    const hash = createHash(bank.replace('-', '').toLowerCase());
    return new Uint8Array(hash.update(value).update(digest).digest());
  }, start);
}

/** Logs one after the other. */
export function concatLogs(logs: readonly LogSnapshot[], bank: Bank): LogSnapshot {
  const events = new Map<number, readonly Component[]>();
  const values = new Map<number, Uint8Array>();
  for (const log of logs) {
    for (const [pcr, added] of log.events) {
      const before = events.get(pcr);
      events.set(pcr, before === undefined ? added : [...before, ...added]);
      const start = values.get(pcr);
      const alone = log.values.get(pcr) ?? resetValue(pcr, bank);
      values.set(pcr, start === undefined ? alone : extendAll(start, added, bank));
    }
  }
  return { events, values, length: logs.reduce((sum, { length }) => sum + length, 0) };
}

/** PCRs whose log does not give the value that they have. */
export function unexplained(
  log: LogSnapshot,
  pcrs: ReadonlyMap<number, Uint8Array>,
  bank: Bank,
): readonly number[] {
  return [...pcrs]
    .filter(([pcr, value]) => !equalBytes(log.values.get(pcr) ?? resetValue(pcr, bank), value))
    .map(([pcr]) => pcr);
}

/** One artifact for each PCR, with all its events. */
export function eventLogs(
  log: LogSnapshot,
  pcrs: ReadonlyMap<number, Uint8Array>,
): readonly Artifact[] {
  return [...pcrs.keys()].map((pcr) => {
    const events = log.events.get(pcr);
    return { type: 'PCR Eventlog', index: pcr, ...(events === undefined ? {} : { events }) };
  });
}

/** One artifact for each PCR, with its value only. */
export function summaries(pcrs: ReadonlyMap<number, Uint8Array>, bank: Bank): readonly Artifact[] {
  return [...pcrs].map(([pcr, content]) => ({
    type: 'PCR Summary',
    index: pcr,
    events: [{ type: '', name: '', hashes: [{ alg: bank, content }] }],
  }));
}
