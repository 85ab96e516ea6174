import { EXIT, settingFlags, UsageError } from '@cmc/host';
import { COMMANDS, type CommandEntry } from '../commands.ts';
import { commandSchema } from '../program.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl completion`: commands and flags for a shell. */
export async function completion(
  _settings: CmcctlSettings,
  [shell = '']: readonly string[],
): Promise<number> {
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined) {
    throw new UsageError(`completion: expected bash, zsh or fish, got "${shell}"`);
  }
  process.stdout.write(script());
  return EXIT.success;
}

const SHELLS: Readonly<Record<string, () => string>> = { bash, zsh, fish };

function flagsOf(entry: CommandEntry): readonly string[] {
  const flags = settingFlags(commandSchema(entry)).map(({ flag }) => flag.split(' ')[0] ?? flag);
  return ['--config', '--help', ...flags];
}

function bash(): string {
  const cases = COMMANDS.map(
    (entry) => `    ${entry.name}) words='${flagsOf(entry).join(' ')}' ;;\n`,
  );
  const names = COMMANDS.map(({ name }) => name).join(' ');
  return `_cmcctl() {
  local words
  if [ "$COMP_CWORD" -eq 1 ]; then words='${names}'; else
  case "\${COMP_WORDS[1]}" in
${cases.join('')}  esac; fi
  case "\${COMP_WORDS[COMP_CWORD]}" in
    -*) ;;
    *) [ "$COMP_CWORD" -gt 1 ] && words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _cmcctl cmcctl
`;
}

function zsh(): string {
  return `#compdef cmcctl\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
}

function fish(): string {
  const lines = COMMANDS.flatMap((entry) => [
    `complete -c cmcctl -n __fish_use_subcommand -a ${entry.name} -d '${entry.summary.replaceAll("'", "\\'")}'`,
    ...flagsOf(entry).map(
      (flag) =>
        `complete -c cmcctl -n '__fish_seen_subcommand_from ${entry.name}' -l ${flag.slice(2)}`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}
