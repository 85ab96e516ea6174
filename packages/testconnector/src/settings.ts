import {
  type ConnectionSettings,
  connectionEntries,
  required,
  type SettingEntries,
  setting,
  text,
} from '@cmc/host';
import * as v from 'valibot';

/** Settings of the connector: the keys of its config file. */
export interface TestconnectorSettings extends ConnectionSettings {
  readonly addr: string;
  readonly https?: boolean;
  readonly logFormat?: 'json' | 'pretty';
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
}

/** Describes {@link TestconnectorSettings}. */
export const testconnectorSchema: v.StrictObjectSchema<
  SettingEntries<TestconnectorSettings>,
  undefined
> = v.strictObject({
  ...connectionEntries,
  addr: required(text, 'Where to listen, host:port'),
  https: setting(v.boolean(), 'Serve HTTPS instead of answering lines. Default false'),
  logFormat: setting(
    v.picklist(['json', 'pretty']),
    'Form of log lines. Default: pretty on a terminal, json elsewhere',
  ),
  logLevel: setting(
    v.picklist(['debug', 'info', 'warn', 'error']),
    'Least severe level that is logged. Default info',
  ),
});
