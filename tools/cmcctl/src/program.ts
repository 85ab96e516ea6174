import { addSettingFlags, packageVersion, settingsOf } from '@cmc/host';
import { Command } from 'commander';
import * as v from 'valibot';
import { COMMANDS, type CommandEntry } from './commands.ts';
import { type CmcctlSettings, cmcctlSchema } from './settings.ts';

const EXIT_CODES =
  'Exit codes: 0 success, 1 attestation failed, 2 wrong call or input, 3 peer or collateral unavailable.';

/** The command line of cmcctl. */
export function createProgram(): Command {
  const program = new Command('cmcctl')
    .description('Makes, verifies and exchanges attestation reports.')
    .version(packageVersion(import.meta.url))
    // Descriptions beside the longest flag are wrapped, too, on 80 columns.
    .configureHelp({ minWidthToWrap: 20 })
    .addHelpText('after', `\nExamples:\n${examples(COMMANDS)}\n\n${EXIT_CODES}`);
  for (const entry of COMMANDS) addCommand(program, entry);
  return program;
}

/** The settings that a command has flags for. */
export function commandSchema(
  entry: CommandEntry,
): v.StrictObjectSchema<v.ObjectEntries, undefined> {
  return v.strictObject(
    Object.fromEntries(entry.settings.map((key) => [key, cmcctlSchema.entries[key]])),
  );
}

function addCommand(program: Command, entry: CommandEntry): void {
  const { name, summary, args } = entry;
  const command = program
    .command(args === undefined ? name : `${name} ${args}`)
    .description(summary)
    .addHelpText('after', `\nExamples:\n${examples([entry])}\n\n${EXIT_CODES}`);
  addSettingFlags(command, commandSchema(entry));
  // Before a positional argument, "--json FILE" must not take the file for a value.
  if (args !== undefined) {
    for (const option of command.options.filter(({ optional }) => optional)) {
      option.optional = false;
      option.flags = option.long ?? option.flags;
    }
  }
  command.action(async () => {
    // A config file may hold the settings of all commands.
    const settings: CmcctlSettings = await settingsOf(command, cmcctlSchema);
    const run = await entry.load();
    process.exitCode = await run(settings, command.args);
  });
}

function examples(entries: readonly CommandEntry[]): string {
  return entries
    .flatMap((entry) => (entries.length === 1 ? entry.examples : entry.examples.slice(0, 1)))
    .map((line) => `  cmcctl ${line}`)
    .join('\n');
}
