import type { JsonObject, Metadata, Serialization } from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { writeOutput } from './files.ts';
import { readJsonObject, typedValue } from './json-file.ts';
import { addSigningFlags, type SigningFlags, signItem } from './sign-item.ts';

/** Flags that every kind of metadata item has. */
export interface ItemFlags extends SigningFlags {
  readonly in?: string;
  readonly out?: string;
  readonly format?: string;
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly notBefore?: string;
  readonly notAfter?: string;
}

/** Adds {@link ItemFlags} to a command. */
export function addItemFlags(command: Command): Command {
  command
    .option('--in <file>', 'item to start from; flags replace its members')
    .option('--out <file>', 'where to write; default standard output')
    .option('--format <json|cbor>', 'encoding of the item', 'json')
    .option('--name <name>', 'name of the item')
    .option('--version <time>', 'version: an RFC 3339 time, or "now"')
    .option('--description <text>', 'what it describes')
    .option('--not-before <time>', 'start of validity, RFC 3339; default now')
    .option('--not-after <time>', 'end of validity, RFC 3339');
  return addSigningFlags(command);
}

/** Members of the item that {@link ItemFlags} give, on top of those of `--in`. */
export async function commonMembers(type: string, flags: ItemFlags): Promise<JsonObject> {
  const base = flags.in === undefined ? {} : await readJsonObject(flags.in);
  const version = time(flags.version, '--version');
  return {
    ...base,
    type,
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(version === undefined ? {} : { version }),
    ...validity(base['validity'], flags),
    ...(flags.description === undefined ? {} : { description: flags.description }),
  };
}

/** Checks an assembled item and writes it, signed when keys are given. */
export async function writeItem(object: JsonObject, flags: ItemFlags): Promise<void> {
  const metadata = typedValue(metadataSchema, object);
  requireMembers(metadata);
  const format = serializationOf(flags.format ?? 'json');
  const item = encodeStruct(metadataSchema, metadata, format);
  await writeOutput(flags.out, await signItem(item, flags, format));
}

/** The serialization that a flag names. @throws {UsageError} */
export function serializationOf(text: string): Serialization {
  if (text === 'json' || text === 'cbor') return text;
  throw new UsageError(`--format: expected json or cbor, got "${text}"`);
}

function requireMembers(metadata: Metadata): void {
  const missing = [
    metadata.name ? undefined : '--name',
    metadata.version ? undefined : '--version',
    metadata.validity?.notAfter ? undefined : '--not-after',
  ].filter((flag) => flag !== undefined);
  if (missing.length > 0) {
    throw new UsageError(
      `a ${metadata.type} without ${missing.join(', ')} is refused by every verifier`,
    );
  }
}

function validity(base: unknown, flags: ItemFlags): JsonObject {
  const given = typeof base === 'object' && base !== null ? base : undefined;
  const notBefore = time(flags.notBefore, '--not-before');
  const notAfter = time(flags.notAfter, '--not-after');
  if (notBefore === undefined && notAfter === undefined) return {};
  return {
    validity: {
      notBefore: new Date().toISOString(),
      ...given,
      ...(notBefore === undefined ? {} : { notBefore }),
      ...(notAfter === undefined ? {} : { notAfter }),
    },
  };
}

function time(text: string | undefined, flag: string): string | undefined {
  if (text === undefined) return undefined;
  if (text === 'now') return new Date().toISOString();
  const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
  if (!rfc3339.test(text) || Number.isNaN(Date.parse(text))) {
    throw new UsageError(
      `${flag}: expected an RFC 3339 time like 2026-01-31T12:00:00Z, got "${text}"`,
    );
  }
  return text;
}
