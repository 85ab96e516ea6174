import { setImmediate } from 'node:timers/promises';
import { printable } from '@cmc/attestationreport';
import { decodeUtf8 } from '@cmc/bytes';
import { EXIT } from '@cmc/host';
import { type HashName, ImaReplay, type ImaState, imaAsciiToBinary } from '@cmc/ima';
import { createProgress, type Progress } from '../progress.ts';
import { bankKey, registersOf } from './bank.ts';
import type { Inspection } from './index.ts';

const BANKS: readonly HashName[] = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];
/** Hex digits of a template digest in a text list. */
const BY_DIGITS: ReadonlyMap<number, HashName> = new Map([
  [64, 'SHA-256'],
  [96, 'SHA-384'],
  [128, 'SHA-512'],
]);
const HIGH_BYTE_OF_PCR = 3;
const CHUNK_BYTES = 1 << 20;
const PERCENT = 100;

/** An IMA measurement list, binary or text, and the PCR values that its replay gives. */
export async function inspectIma(bytes: Uint8Array): Promise<Inspection> {
  const progress = createProgress();
  try {
    return await inspect(bytes, progress);
  } finally {
    progress.end();
  }
}

async function inspect(bytes: Uint8Array, progress: Progress): Promise<Inspection> {
  const { list, templateDigest, templates, state } = await read(bytes, progress);
  const registers: Record<string, Readonly<Record<string, string>>> = {};
  for (const bank of BANKS) {
    for (const paddedSha1 of bank === 'SHA-1' ? [false] : [false, true]) {
      const key = `${bankKey(bank)}${paddedSha1 ? '_paddedSha1' : ''}`;
      const replay = new ImaReplay({ bank, templateDigest, paddedSha1 });
      const { pcrs } = await feed(replay, list, progress, key);
      registers[key] = registersOf(pcrs);
    }
  }
  const { count, violations, mismatches } = state;
  const warnings = [
    ...(violations === 0 ? [] : [`${violations} violations: what was read there is not known`]),
    ...(mismatches === 0
      ? []
      : [`${mismatches} template digests are not those of the data; the data is what is replayed`]),
  ];
  const outcome = {
    registers,
    entries: count,
    violations,
    templates: Object.fromEntries(templates),
    warnings,
  };
  const lines = [
    `IMA list: ${count} entries, ${violations} violations; nothing in it is verified.`,
    ...[...templates].map(([name, entries]) => `Template ${name}: ${entries} entries`),
    ...Object.entries(registers).flatMap(([bank, values]) =>
      Object.entries(values).map(([register, value]) => `${bank} ${register} ${value}`),
    ),
    ...warnings.map((warning) => `Warning: ${warning}`),
  ].map(printable);
  return { exitCode: EXIT.success, outcome, lines };
}

interface List {
  /** In binary form. */
  readonly list: Uint8Array;
  /** Algorithm of the template digests in the list. */
  readonly templateDigest: HashName;
  /** Entries by the name of their template. */
  readonly templates: ReadonlyMap<string, number>;
  readonly state: ImaState;
}

/** Reads a list of either form. @throws {DecodeError} it is none with template digests of any size */
async function read(bytes: Uint8Array, progress: Progress): Promise<List> {
  // A binary list begins with the number of a PCR in four bytes, a text list with text.
  if ((bytes[HIGH_BYTE_OF_PCR] ?? 0) !== 0) {
    const text = decodeUtf8(bytes);
    const digits = /^ *\d+ ([0-9a-f]+) /.exec(text)?.[1]?.length ?? 0;
    const templateDigest = BY_DIGITS.get(digits) ?? 'SHA-1';
    return await readAs(imaAsciiToBinary(text, templateDigest), templateDigest, progress);
  }
  let first: unknown;
  for (const templateDigest of BANKS) {
    try {
      return await readAs(bytes, templateDigest, progress);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

async function readAs(
  list: Uint8Array,
  templateDigest: HashName,
  progress: Progress,
): Promise<List> {
  const templates = new Map<string, number>();
  const replay = new ImaReplay({
    bank: 'SHA-256',
    templateDigest,
    checkTemplateDigests: true,
    onEntry: ({ template }) => void templates.set(template, (templates.get(template) ?? 0) + 1),
  });
  const state = await feed(replay, list, progress, 'entries');
  return { list, templateDigest, templates, state };
}

async function feed(
  replay: ImaReplay,
  list: Uint8Array,
  progress: Progress,
  what: string,
): Promise<ImaState> {
  for (let at = 0; at < list.length; at += CHUNK_BYTES) {
    progress.show(`IMA list, ${what}: ${Math.floor((PERCENT * at) / list.length)} %`);
    replay.push(list.subarray(at, at + CHUNK_BYTES));
    // Lets signals in.
    await setImmediate();
  }
  return replay.finish();
}
