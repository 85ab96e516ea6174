import type { Command, CommanderError } from 'commander';
import type * as v from 'valibot';
import { readConfig } from './config.ts';
import { describeError, EXIT, exitCodeOf } from './exit.ts';
import { settingFlags } from './flags.ts';

// biome-ignore lint/suspicious/noExplicitAny: any object schema, whatever its entries
type AnyObjectSchema = v.StrictObjectSchema<any, any>;

/** Gives `command` the flag `--config` and one flag for every setting of `schema`. */
export function addSettingFlags(command: Command, schema: AnyObjectSchema): Command {
  command.option(
    '--config <file,…>',
    'JSON files with settings; a later one wins, flags win over all',
  );
  for (const { flag, description } of settingFlags(schema)) command.option(flag, description);
  return command;
}

/**
 * The settings that a command was called with, from its config files and flags.
 * @throws {ConfigError}
 */
export async function settingsOf<const S extends AnyObjectSchema>(
  command: Command,
  schema: S,
): Promise<v.InferOutput<S>> {
  const given: Record<string, unknown> = command.opts();
  const flags: Record<string, unknown> = {};
  for (const { key, parse } of settingFlags(schema)) {
    const value = given[key];
    if (typeof value === 'string' || typeof value === 'boolean') flags[key] = parse(value);
  }
  const config = given['config'];
  const files = typeof config === 'string' ? config.split(',') : [];
  return await readConfig(schema, { files, flags });
}

/**
 * Runs the program that `command` describes. Its actions report an exit code by setting
 * `process.exitCode`; an error becomes one line on standard error and the exit code it stands for.
 */
export async function runProgram(
  command: Command,
  argv: readonly string[] = process.argv,
): Promise<void> {
  try {
    for (const each of withSubcommands(command)) each.exitOverride().showSuggestionAfterError();
    await command.parseAsync([...argv]);
  } catch (error) {
    if (isCommanderError(error)) {
      // Commander has printed help, version or its complaint.
      process.exitCode = error.exitCode === 0 ? EXIT.success : EXIT.usage;
      return;
    }
    process.stderr.write(`${command.name()}: ${describeError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

/** A command and all below it, however deep. */
function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Not by its class: the program may have another copy of commander than this package. */
function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}
