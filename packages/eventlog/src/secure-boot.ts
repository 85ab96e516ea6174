import { DecodeError, equalBytes } from '@cmc/bytes';
import { digest, type HashName } from '@cmc/bytes/hash';
import { parseUefiVariable } from './data/variable.ts';
import type { EventLog, LogEvent } from './event-log.ts';
import { EventType } from './event-types.ts';
import { digestOf } from './replay.ts';

const SECURE_BOOT_PCR = 7;
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const IMAGE_SECURITY = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
/** Variables that are measured exactly once, before the separator, in any order. */
const VARIABLES: readonly (readonly [name: string, guid: string])[] = [
  ['SecureBoot', GLOBAL],
  ['PK', GLOBAL],
  ['KEK', GLOBAL],
  ['db', IMAGE_SECURITY],
  ['dbx', IMAGE_SECURITY],
];
const SEPARATOR_BYTES = 4;

/** Types whose digest is that of the whole event data. */
const HASHED_DATA: readonly number[] = [
  EventType.SEPARATOR,
  EventType.S_CRTM_VERSION,
  EventType.EFI_VARIABLE_DRIVER_CONFIG,
  EventType.EFI_VARIABLE_AUTHORITY,
  EventType.EFI_GPT_EVENT,
  EventType.EFI_ACTION,
];

export type SecureBootState =
  | { readonly ok: true; readonly enabled: boolean }
  | { readonly ok: false; readonly reason: string };

/**
 * Whether an event's digest is the digest of its data; `undefined` when its type does not say so,
 * or the bank is missing. Only data that matches may be believed, once the log is quoted.
 */
export function digestMatchesData(event: LogEvent, bank: HashName): boolean | undefined {
  const stated = digestOf(event, bank);
  if (stated === undefined || !HASHED_DATA.includes(event.type)) return undefined;
  return equalBytes(stated, digest(bank, event.data));
}

/**
 * Whether UEFI Secure Boot was on, from PCR 7 of a log whose replay a quote has confirmed. Every
 * variable must be there exactly once, measured as its data, before the one valid separator.
 */
export function secureBootState(log: EventLog, bank: HashName): SecureBootState {
  const events = log.events.filter(
    ({ pcr, type }) => pcr === SECURE_BOOT_PCR && type !== EventType.NO_ACTION,
  );
  const separators = events.filter(({ type }) => type === EventType.SEPARATOR);
  const [separator] = separators;
  if (separator === undefined || separators.length !== 1) {
    return refused(`${separators.length} separators in PCR ${SECURE_BOOT_PCR}, expected 1`);
  }
  if (!isValidSeparator(separator, bank)) return refused('the separator is not valid');
  const values = new Map<string, Uint8Array>();
  for (const event of events) {
    if (event.type !== EventType.EFI_VARIABLE_DRIVER_CONFIG) continue;
    const fault = addVariable(values, event, separator, bank);
    if (fault !== undefined) return refused(fault);
  }
  const missing = VARIABLES.find(([name]) => !values.has(name));
  if (missing !== undefined) return refused(`variable ${missing[0]} was not measured`);
  const state = values.get('SecureBoot');
  if (state?.length !== 1 || (state[0] !== 0 && state[0] !== 1)) {
    return refused('the value of SecureBoot is neither 0 nor 1');
  }
  return { ok: true, enabled: state[0] === 1 };
}

/** Adds what an event measures; tells what is wrong with it. */
function addVariable(
  values: Map<string, Uint8Array>,
  event: LogEvent,
  separator: LogEvent,
  bank: HashName,
): string | undefined {
  if (digestMatchesData(event, bank) !== true)
    return `event ${event.index} is not what it measures`;
  try {
    const { name, guid, data } = parseUefiVariable(event.data);
    const known = VARIABLES.find(([knownName]) => knownName === name);
    if (known === undefined) return undefined;
    if (guid !== known[1]) return `variable ${name} has vendor ${guid}`;
    if (values.has(name)) return `variable ${name} was measured twice`;
    if (event.index > separator.index) return `variable ${name} was measured after the separator`;
    values.set(name, data);
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return `event ${event.index}: ${error.message}`;
    throw error;
  }
}

function isValidSeparator(event: LogEvent, bank: HashName): boolean {
  const [value] = event.data;
  return (
    event.data.length === SEPARATOR_BYTES &&
    (value === 0x00 || value === 0xff) &&
    event.data.every((byte) => byte === value) &&
    digestMatchesData(event, bank) === true
  );
}

function refused(reason: string): SecureBootState {
  return { ok: false, reason };
}
