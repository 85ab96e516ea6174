import { readFile } from 'node:fs/promises';
import { CmcError, parseJson } from '@cmc/bytes';
import * as v from 'valibot';
import { suggest } from './suggest.ts';

/** Stable codes of configuration errors. */
export type ConfigErrorCode =
  | 'ERR_CONFIG_UNREADABLE'
  | 'ERR_CONFIG_SYNTAX'
  | 'ERR_CONFIG_UNKNOWN_KEY'
  | 'ERR_CONFIG_VALUE';

/** A config file or a flag is wrong; the message names it, what was expected and what came. */
export class ConfigError extends CmcError {
  override readonly name = 'ConfigError';
  declare readonly code: ConfigErrorCode;

  constructor(code: ConfigErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: any object schema, whatever its entries
type AnyObjectSchema = v.StrictObjectSchema<any, any>;

/** Where settings come from: files in order, a later one winning key by key, then flags. */
export interface ConfigSources {
  /** Paths of JSON files. */
  readonly files?: readonly string[];
  /** Values given on the command line; undefined ones do not count. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * Settings merged from files and flags and checked against `schema`.
 * @throws {ConfigError}
 */
export async function readConfig<const S extends AnyObjectSchema>(
  schema: S,
  sources: ConfigSources,
): Promise<v.InferOutput<S>> {
  const merged: Record<string, unknown> = {};
  for (const file of sources.files ?? []) {
    const settings = parseObject(await readBytes(file), file);
    refuseUnknownKeys(schema, settings, file);
    checkValues(v.partial(schema), settings, file);
    Object.assign(merged, settings);
  }
  for (const [key, value] of Object.entries(sources.flags ?? {})) {
    if (value !== undefined) merged[key] = value;
  }
  refuseUnknownKeys(schema, merged, 'command line');
  return checkValues(schema, merged, sources.files?.at(-1) ?? 'command line');
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `cannot read config file ${file}`, {
      cause: error,
    });
  }
}

function parseObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    // Strict: of a key that stands there twice, one value would be dropped without a word.
    value = parseJson(bytes);
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_SYNTAX', `${file} is not JSON as it should be`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError('ERR_CONFIG_SYNTAX', `${file}: expected a JSON object`);
  }
  return { ...value };
}

function refuseUnknownKeys(schema: AnyObjectSchema, settings: object, where: string): void {
  const known = Object.keys(schema.entries);
  for (const key of Object.keys(settings)) {
    if (known.includes(key)) continue;
    const near = suggest(key, known);
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    throw new ConfigError('ERR_CONFIG_UNKNOWN_KEY', `${where}: unknown key "${key}"${hint}`);
  }
}

function checkValues<S extends v.GenericSchema>(
  schema: S,
  settings: unknown,
  where: string,
): v.InferOutput<S> {
  const outcome = v.safeParse(schema, settings);
  if (outcome.success) return outcome.output;
  const problems = outcome.issues.map((issue) => {
    const path = v.getDotPath(issue) ?? 'config';
    return `${path}: ${issue.message}`;
  });
  throw new ConfigError('ERR_CONFIG_VALUE', `${where}: ${problems.join('; ')}`);
}
