import { printable } from '@cmc/attestationreport';
import { CmcError, toHex } from '@cmc/bytes';
import {
  digestMatchesData,
  digestOf,
  type EventLog,
  type HashName,
  type LogEvent,
  parseEventData,
  parseEventLog,
  replay,
} from '@cmc/eventlog';
import { EXIT } from '@cmc/host';
import { bankKey, registersOf } from './bank.ts';
import type { Inspection } from './index.ts';

const BANKS: readonly HashName[] = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];

/** A TCG event log or CCEL, and the register values that its replay gives. */
export async function inspectEventlog(bytes: Uint8Array): Promise<Inspection> {
  const log = parse(bytes);
  const banks = log.algorithms.flatMap(({ bank }) => bank ?? []);
  const warnings = [...log.warnings];
  const registers: Record<string, Readonly<Record<string, string>>> = {};
  for (const bank of banks) {
    const values = replayed(log, bank, warnings);
    if (values !== undefined) registers[bankKey(bank)] = registersOf(values);
  }
  const events = log.events.map(describe);
  const outcome = { format: log.kind, registers, events, warnings };
  const lines = [
    `${log.kind} log: ${events.length} events in ${log.length} bytes; nothing in it is verified.`,
    ...events.map(
      ({ index, pcr, name, text = '' }) =>
        `${String(index).padStart(5)} ${String(pcr).padStart(3)} ${name.padEnd(32)} ${text}`,
    ),
    ...Object.entries(registers).flatMap(([bank, values]) =>
      Object.entries(values).map(([register, value]) => `${bank} ${register} ${value}`),
    ),
    ...warnings.map((warning) => `Warning: ${warning}`),
  ].map((line) => printable(line.trimEnd()));
  return { exitCode: EXIT.success, outcome, lines };
}

/** A CCEL differs from a log of a TPM by the padding of its area only. */
function parse(bytes: Uint8Array): EventLog {
  try {
    return parseEventLog(bytes);
  } catch (error) {
    try {
      return parseEventLog(bytes, { format: 'ccel' });
    } catch {
      throw error;
    }
  }
}

function replayed(
  log: EventLog,
  bank: HashName,
  warnings: string[],
): ReadonlyMap<number, Uint8Array> | undefined {
  try {
    return replay(log, bank);
  } catch (error) {
    if (!(error instanceof CmcError)) throw error;
    warnings.push(error.message);
    return undefined;
  }
}

interface EventRow {
  readonly index: number;
  readonly pcr: number;
  /** As in the log, `0x80000001`. */
  readonly type: string;
  readonly name: string;
  /** Of the banks that can be replayed. */
  readonly digests: Readonly<Record<string, string>>;
  readonly dataLength: number;
  readonly offset: number;
  /** Whether the digests are those of the data, where the type of the event says so. */
  readonly matchesData?: boolean;
  /** What the data says, as far as it is text. */
  readonly text?: string;
}

function describe(event: LogEvent): EventRow {
  const known = BANKS.flatMap((bank) => {
    const value = digestOf(event, bank);
    return value === undefined ? [] : [[bankKey(bank), toHex(value)] as const];
  });
  const matches = BANKS.flatMap((bank) => digestMatchesData(event, bank) ?? []);
  const { stringcontent, uefivariabledata } = parseEventData(event);
  const text = stringcontent ?? uefivariabledata?.unicodename;
  return {
    index: event.index,
    pcr: event.pcr,
    type: `0x${event.type.toString(16).padStart(8, '0')}`,
    name: event.typeName,
    digests: Object.fromEntries(known),
    dataLength: event.data.length,
    offset: event.offset,
    ...(matches.length === 0 ? {} : { matchesData: matches.every(Boolean) }),
    ...(text === undefined ? {} : { text }),
  };
}
