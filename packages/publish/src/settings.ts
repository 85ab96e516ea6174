import { type SettingEntries, setting, text } from '@cmc/host';

/** Where results go, and how the publisher identifies itself there: keys of config files. */
export interface PublishSettings {
  readonly publishFile?: string;
  readonly publishResults?: string;
  readonly publishOcsf?: string;
  readonly publishNetwork?: string;
  readonly publishToken?: string;
  readonly publishCert?: string;
  readonly publishKey?: string;
}

/** Describes {@link PublishSettings}. */
export const publishEntries: SettingEntries<PublishSettings> = {
  publishFile: setting(text, 'File for the latest attestation result, JSON'),
  publishResults: setting(
    text,
    'URL that attestation results are sent to (https, or http on this computer)',
  ),
  publishOcsf: setting(text, 'URL for software that no manifest allows: OCSF Detection Findings'),
  publishNetwork: setting(text, 'URL for who attested whom, and the outcome'),
  publishToken: setting(text, 'File with the bearer token for these URLs'),
  publishCert: setting(text, 'File (PEM) with the client certificate chain for these URLs'),
  publishKey: setting(text, 'File (PEM) with the private key of publishCert'),
};
