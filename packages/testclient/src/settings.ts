import {
  type ConnectionSettings,
  connectionEntries,
  type SettingEntries,
  setting,
  text,
} from '@cmc/host';
import * as v from 'valibot';

/** Settings of the client: the keys of its config file. */
export interface TestclientSettings extends ConnectionSettings {
  readonly addr?: string;
  readonly serverName?: string;
  readonly data?: string;
  readonly https?: boolean;
  readonly report?: string;
  readonly nonce?: string;
  readonly result?: string;
  readonly timeoutSeconds?: number;
  readonly json?: boolean;
}

/** Describes {@link TestclientSettings}. */
export const testclientSchema: v.StrictObjectSchema<
  SettingEntries<TestclientSettings>,
  undefined
> = v.strictObject({
  ...connectionEntries,
  addr: setting(text, 'dial: the server, host:port'),
  serverName: setting(text, 'dial: name that the certificate must have. Default: the host of addr'),
  data: setting(v.string(), 'dial: what to send. Default "hello"'),
  https: setting(v.boolean(), 'dial: make an HTTPS request instead. Default false'),
  report: setting(text, 'File of the attestation report. Default attestation-report'),
  nonce: setting(text, 'File of the nonce, raw bytes. Default nonce'),
  result: setting(
    text,
    'verify: file for the attestation result, JSON. Default attestation-result.json',
  ),
  timeoutSeconds: setting(
    v.pipe(v.number(), v.minValue(1), v.maxValue(3600)),
    'Deadline of the whole command. Default 30',
  ),
  json: setting(v.boolean(), 'Print for machines: one JSON object. Default false'),
});
