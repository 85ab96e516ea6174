import { EXIT, settingFlags, UsageError } from '@cmc/host';
import { COMMANDS, type CommandEntry } from '../commands.ts';
import { INSPECTORS } from '../inspect/index.ts';
import { commandSchema } from '../program.ts';
import { type CmcctlSettings, cmcctlSchema } from '../settings.ts';

/** `cmcctl completion`: commands, flags and their choices for a shell. */
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

/** What the first argument of a command can be, where that is not a file. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  inspect: Object.keys(INSPECTORS),
  completion: Object.keys(SHELLS),
};

interface Choices {
  readonly wrapped?: Choices;
  readonly options?: readonly string[];
}

interface Flag {
  readonly flag: string;
  /** Its values, where they are few. */
  readonly choices: readonly string[];
}

function flagsOf(entry: CommandEntry): readonly Flag[] {
  const flags = settingFlags(commandSchema(entry)).map(({ key, flag }) => ({
    flag: flag.split(' ')[0] ?? flag,
    choices: choicesOf(cmcctlSchema.entries[key as keyof CmcctlSettings] as Choices),
  }));
  return [{ flag: '--config', choices: [] }, { flag: '--help', choices: [] }, ...flags];
}

function choicesOf({ wrapped, options = [] }: Choices): readonly string[] {
  return wrapped === undefined ? options : choicesOf(wrapped);
}

function bash(): string {
  const words = (when: string, list: readonly string[]): string =>
    `      ${when}) words='${list.join(' ')}' ;;\n`;
  const choices = new Map([
    ...Object.entries(ARGUMENTS),
    ...COMMANDS.flatMap(flagsOf)
      .filter((flag) => flag.choices.length > 0)
      .map((flag) => [flag.flag, flag.choices] as const),
  ]);
  const flags = COMMANDS.map((entry) =>
    words(
      entry.name,
      flagsOf(entry).map(({ flag }) => flag),
    ),
  );
  return `_cmcctl() {
  local words='' last="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then words='${COMMANDS.map(({ name }) => name).join(' ')}'
  elif [[ "$last" == -* ]]; then
    case "\${COMP_WORDS[1]}" in
${flags.join('')}    esac
  else
    case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${[...choices].map(([when, list]) => words(when, list)).join('')}    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$last"))
}
complete -o default -F _cmcctl cmcctl
`;
}

function zsh(): string {
  return `#compdef cmcctl\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
}

function fish(): string {
  const lines = COMMANDS.flatMap((entry) => {
    const within = `complete -c cmcctl -n '__fish_seen_subcommand_from ${entry.name}'`;
    const words = ARGUMENTS[entry.name] ?? [];
    return [
      `complete -c cmcctl -n __fish_use_subcommand -a ${entry.name} -d '${entry.summary.replaceAll("'", "\\'")}'`,
      ...(words.length === 0 ? [] : [`${within} -a '${words.join(' ')}'`]),
      ...flagsOf(entry).map(({ flag, choices }) => {
        const values = choices.length === 0 ? '' : ` -x -a '${choices.join(' ')}'`;
        return `${within} -l ${flag.slice(2)}${values}`;
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}
