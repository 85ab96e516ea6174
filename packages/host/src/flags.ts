import type * as v from 'valibot';
import { ConfigError } from './config.ts';

/** The command line flag of one setting. */
export interface SettingFlag {
  /** Key of the setting, `cmcAddr`. */
  readonly key: string;
  /** As commander takes it, `--cmc-addr <value>`. */
  readonly flag: string;
  readonly description: string;
  /** Value of the setting from the text on the command line. */
  parse(text: string | boolean): unknown;
}

interface Described {
  readonly type: string;
  readonly wrapped?: Described;
  readonly pipe?: readonly { readonly type: string; readonly description?: string }[];
  readonly item?: Described;
}

/**
 * A flag for every setting of a schema whose value fits on a command line: texts, numbers,
 * booleans, and lists of those with commas between. Descriptions come from `v.description`.
 */
export function settingFlags(
  // biome-ignore lint/suspicious/noExplicitAny: any object schema, whatever its entries
  schema: v.StrictObjectSchema<any, any>,
): readonly SettingFlag[] {
  return Object.entries<Described>(schema.entries).flatMap(([key, entry]) => {
    const kind = kindOf(entry);
    if (kind === undefined) return [];
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const value = kind === 'boolean' ? '[true|false]' : kind === 'list' ? '<a,b,…>' : '<value>';
    return [
      {
        key,
        flag: `--${name} ${value}`,
        description: descriptionOf(entry),
        parse: (text: string | boolean) => PARSERS[kind](text, `--${name}`),
      },
    ];
  });
}

type Kind = 'text' | 'number' | 'boolean' | 'list';

const PARSERS: Readonly<Record<Kind, (text: string | boolean, flag: string) => unknown>> = {
  text: (text) => String(text),
  number(text, flag) {
    const value = Number(text);
    if (text === '' || typeof text === 'boolean' || Number.isNaN(value)) {
      throw new ConfigError('ERR_CONFIG_VALUE', `${flag}: expected a number, got "${text}"`);
    }
    return value;
  },
  boolean(text, flag) {
    if (text === true || text === 'true') return true;
    if (text === false || text === 'false') return false;
    throw new ConfigError('ERR_CONFIG_VALUE', `${flag}: expected true or false, got "${text}"`);
  },
  list: (text) => String(text).split(','),
};

function kindOf(entry: Described): Kind | undefined {
  if (entry.wrapped !== undefined) return kindOf(entry.wrapped);
  switch (entry.type) {
    case 'string':
    case 'picklist':
      return 'text';
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'array':
      return entry.item === undefined || kindOf(entry.item) === undefined ? undefined : 'list';
    case 'union':
      return 'list';
    default:
      return undefined;
  }
}

function descriptionOf(entry: Described): string {
  const own = entry.pipe?.findLast((action) => action.type === 'description')?.description;
  return own ?? (entry.wrapped === undefined ? '' : descriptionOf(entry.wrapped));
}
