import {
  type ConnectionSettings,
  connectionEntries,
  type EvidenceSettings,
  evidenceEntries,
  type SettingEntries,
  setting,
  text,
} from '@cmc/host';
import { type PublishSettings, publishEntries } from '@cmc/publish';
import * as v from 'valibot';

/** Forms in which `verify` prints verdicts. */
export type VerifyFormat = 'pretty' | 'json' | 'junit' | 'sarif' | 'github';

/** Settings of all commands: the keys of the config file. */
export interface CmcctlSettings
  extends Omit<ConnectionSettings, 'policies'>,
    EvidenceSettings,
    PublishSettings {
  readonly policies?: readonly string[];
  readonly json?: boolean;
  readonly timeoutSeconds?: number;
  readonly standalone?: boolean;
  readonly report?: readonly string[];
  readonly nonce?: readonly string[];
  readonly result?: string;
  readonly format?: VerifyFormat;
  readonly archived?: boolean;
  readonly at?: string;
  readonly earKey?: string;
  readonly earOut?: string;
  readonly storage?: string;
  readonly containerLog?: string;
  readonly metadata?: readonly string[];
  readonly name?: string;
  readonly keyId?: string;
  readonly keyType?: 'sw' | 'tpm';
  readonly keyConfig?: 'EC256' | 'EC384' | 'EC521' | 'RSA2048' | 'RSA4096';
  readonly tlsCn?: string;
  readonly tlsDnsNames?: readonly string[];
  readonly tlsIpAddresses?: readonly string[];
  readonly event?: string;
  readonly addr?: string;
  readonly serverName?: string;
  readonly data?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  readonly store?: string;
  readonly names?: readonly string[];
  readonly valid?: string;
  readonly note?: string;
  readonly roots?: readonly string[];
  readonly certs?: readonly string[];
  readonly signature?: string;
  readonly pcrs?: string;
  readonly html?: string;
  readonly timeSource?: string;
}

const files = v.pipe(v.array(text), v.minLength(1, 'expected at least one file'));

/** Describes {@link CmcctlSettings}. */
export const cmcctlSchema: v.StrictObjectSchema<
  SettingEntries<CmcctlSettings>,
  undefined
> = v.strictObject({
  ...connectionEntries,
  ...evidenceEntries,
  ...publishEntries,
  key: setting(
    text,
    'File (PEM) with the private key of cert; of inspect quote: the certificate or public key of the TPM',
  ),
  policies: setting<readonly string[]>(files, 'Files with policy scripts; all of them must accept'),
  json: setting(v.boolean(), 'Print for machines: JSON. Default false'),
  timeoutSeconds: setting(
    v.pipe(v.number(), v.minValue(1), v.maxValue(3600)),
    'Deadline of the whole command. Default 30',
  ),
  standalone: setting(v.boolean(), 'Work in this process, without a daemon. Default false'),
  report: setting<readonly string[]>(files, 'Files of attestation reports'),
  nonce: setting<readonly string[]>(
    files,
    'Nonce of each report, or one for all: a file with the raw bytes, or 16 to 128 hex digits',
  ),
  result: setting(text, 'File for the attestation result, JSON. Default: none is written'),
  format: setting(
    v.picklist(['pretty', 'json', 'junit', 'sarif', 'github']),
    'Form of the verdicts. Default pretty',
  ),
  archived: setting(v.boolean(), 'Allow --at: the evidence is old on purpose. Default false'),
  at: setting(
    text,
    'Verify as of this time (RFC 3339) instead of now; but for inspect, needs --archived',
  ),
  earKey: setting(text, 'File with the private key that signs an EAT Attestation Result'),
  earOut: setting(text, 'File for the EAT Attestation Result, a JWT'),
  storage: setting(text, 'Folder with the software attestation key. Default: a new key each time'),
  containerLog: setting(text, 'File with the container log that is measured'),
  metadata: setting<readonly string[]>(
    v.array(text),
    'Where own signed metadata is: file://, blob://, http:// or https:// locations',
  ),
  name: setting(text, 'Name of this computer in its report. Default: none'),
  keyId: setting(text, 'File with the id of a TLS key that the daemon has'),
  keyType: setting(v.picklist(['sw', 'tpm']), 'Kind of the new TLS key. Default sw'),
  keyConfig: setting(
    v.picklist(['EC256', 'EC384', 'EC521', 'RSA2048', 'RSA4096']),
    'Algorithm of the new TLS key. Default EC256',
  ),
  tlsCn: setting(text, 'Common name in the certificate of the new key'),
  tlsDnsNames: setting<readonly string[]>(v.array(text), 'DNS names in that certificate'),
  tlsIpAddresses: setting<readonly string[]>(v.array(text), 'IP addresses in that certificate'),
  event: setting(text, 'File with the event to record, a component in JSON'),
  addr: setting(text, 'The server, or where to listen, host:port; for request a URL, https://…'),
  serverName: setting(text, 'Name that the certificate must have. Default: the host of addr'),
  data: setting(v.string(), 'What to send. Default: nothing'),
  method: setting(text, 'HTTP method. Default GET, with data POST'),
  header: setting<readonly string[]>(v.array(text), 'HTTP headers, each Name:value'),
  store: setting(text, 'Database of the provisioning server: sqlite:///path or postgres://…'),
  names: setting<readonly string[]>(
    v.array(text),
    'DNS names and IP addresses that the token is good for. Default: any',
  ),
  valid: setting(text, 'How long the token is valid: 30m, 48h, 7d. Default 48h'),
  note: setting(text, 'Remark that is kept with the token'),
  roots: setting<readonly string[]>(
    files,
    'Files (PEM) with the CA certificates that the certificate must chain to',
  ),
  certs: setting<readonly string[]>(
    files,
    'Files (DER or PEM) with the certificates of the key that signed: leaf, intermediate, root',
  ),
  signature: setting(text, 'File with the signature of the quote, a TPMT_SIGNATURE'),
  pcrs: setting(text, 'File with PCR values, JSON: {"sha256":{"0":"hex"}}'),
  html: setting(text, 'File for the explanation as one HTML page. Default: none is written'),
  timeSource: setting(
    text,
    'URL (http, https) whose Date header the clock is compared with. Default: it is not compared',
  ),
});
