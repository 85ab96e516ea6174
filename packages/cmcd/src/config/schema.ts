import type { ApiName } from '@cmc/api';
import {
  type EvidenceSettings,
  evidenceEntries,
  required,
  type SettingEntries,
  setting,
  text,
} from '@cmc/host';
import * as v from 'valibot';

/** What there is to measure with, in this version or another. */
export type DriverName = 'tpm' | 'sw' | 'snp' | 'tdx' | 'sgx' | 'azure';

/** An API and where it is served. */
export interface EndpointConfig {
  readonly api: ApiName;
  readonly address: string;
}

/**
 * Settings of the daemon: the keys of its config file. {@link cmcdConfigSchema} says what each
 * means; keys of the format that this version cannot act on are refused when they are used.
 */
export interface CmcdConfig extends EvidenceSettings {
  readonly api?: ApiName | readonly ApiName[];
  readonly cmcAddr?: string | readonly string[];
  readonly apis?: readonly EndpointConfig[];
  readonly metricsAddr?: string;
  readonly rootCas: readonly string[];
  readonly metadata?: readonly string[];
  readonly drivers?: readonly DriverName[];
  readonly hashAlg?: string;
  readonly storage?: string;
  readonly cache?: string;
  readonly peerCache?: string;
  readonly ctr?: boolean;
  readonly ctrDriver?: DriverName;
  readonly ctrLog?: string;
  readonly policyEngine?: 'js' | 'duktape' | 'none';
  readonly policyOverwrite?: boolean;
  readonly useOmsp?: boolean;
  readonly omspFormat?: 'json' | 'cbor';
  readonly omspRefreshMinutes?: number;
  readonly requireOmsp?: boolean;
  readonly requireReportSignature?: boolean;
  readonly reportRoots?: readonly string[];
  readonly minimumMetadataSigners?: number;
  readonly allowOlderMetadata?: boolean;
  readonly allowOlderTpmClock?: boolean;
  readonly enrollmentMode?: 'local' | 'est' | 'acme';
  readonly enrollmentCaKey?: string;
  readonly enrollmentCaChain?: readonly string[];
  readonly enrollmentNames?: readonly string[];
  readonly enrollmentAddr?: string;
  readonly enrollmentCert?: string;
  readonly enrollmentKey?: string;
  readonly provisionAuth?: readonly ('none' | 'token' | 'certificate' | 'attestation')[];
  readonly provisionToken?: string;
  readonly allowSystemCerts?: boolean;
  readonly name?: string;
  readonly logLevel?: LogLevelName;
  readonly logFile?: string;
  readonly logFormat?: 'json' | 'pretty';
  readonly endorsementMode?: 'est' | 'direct' | 'cps' | 'host';
  readonly endorsementAddr?: string;
  readonly excludePcrs?: readonly number[];
  readonly measurementLogs?: boolean;
  readonly imaSignatures?: boolean;
  readonly tpmEventLog?: string;
  readonly imaLog?: string;
  readonly vmpl?: number;
  readonly vendorCache?: string;
  readonly tpmKeyAlg?: 'EC256' | 'RSA2048';
  readonly tpmDevice?: string;
}

/** Levels of the format; `trace` counts as `debug`, `fatal` and `panic` as `error`. */
export type LogLevelName = 'panic' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

const texts = v.array(text);
const apiName = v.picklist(['grpc', 'coap', 'socket']);
const driverName = v.picklist(['tpm', 'sw', 'snp', 'tdx', 'sgx', 'azure']);

/** Describes the config file. */
export const cmcdConfigSchema: v.StrictObjectSchema<
  SettingEntries<CmcdConfig>,
  undefined
> = v.strictObject({
  api: setting<CmcdConfig['api'] & {}>(
    v.union([apiName, v.array(apiName)]),
    'API to serve: grpc, coap or socket. Default socket. Several, if as many addresses are given',
  ),
  cmcAddr: setting<CmcdConfig['cmcAddr'] & {}>(
    v.union([text, texts]),
    'Where to serve it: unix:///path, or host:port on loopback. Default unix:///run/cmc/cmcd.sock',
  ),
  apis: setting<readonly EndpointConfig[]>(
    v.array(v.strictObject({ api: apiName, address: text })),
    'Several APIs at once, instead of api and cmcAddr',
  ),
  metricsAddr: setting(
    text,
    'Where to serve Prometheus metrics: host:port on loopback. Default: nowhere',
  ),
  rootCas: required<readonly string[]>(
    v.pipe(texts, v.nonEmpty('expected at least one file')),
    'Files (PEM or DER) with the CA certificates that signed metadata must chain to',
  ),
  metadata: setting(
    texts,
    'Locations of our own metadata: file://PATH (file or folder), blob://PATH, https://…',
  ),
  drivers: setting(
    v.array(driverName),
    'What to measure with: tpm, snp, sw. Default: nothing, only verify',
  ),
  hashAlg: setting(text, 'Hash of reports: SHA-256, SHA-384 or SHA-512. Default SHA-256'),
  storage: setting(text, 'Folder of keys and state. Default: keep them in memory'),
  cache: setting(text, 'Folder with the last complete set of metadata, for when a location fails'),
  peerCache: setting(text, 'Folder with the metadata of peers. Default: keep it in memory'),
  ctr: setting(
    v.boolean(),
    'Whether containers are measured. Default: yes with driver sw, no without',
  ),
  ctrDriver: setting(driverName, 'Driver that vouches for the container log: sw, tpm. Default sw'),
  ctrLog: setting(text, 'File of the container log. Default: container-log.json in storage'),
  policyEngine: setting(
    v.picklist(['js', 'duktape', 'none']),
    'What runs the policies of verification requests: js or none. Default js',
  ),
  policyOverwrite: setting(v.boolean(), 'Whether a policy may replace a verdict. Default false'),
  useOmsp: setting(v.boolean(), 'Whether revocation of manifests (OMSP) is checked. Default false'),
  requireOmsp: setting(
    v.boolean(),
    'Like useOmsp, and manifests that name no server for it are refused. Default false',
  ),
  omspFormat: setting(v.picklist(['json', 'cbor']), 'Serialization of OMSP requests. Default cbor'),
  omspRefreshMinutes: setting(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1440)),
    'Age at which OMSP statements about our own manifests are fetched anew, minutes. Default 60',
  ),
  requireReportSignature: setting(
    v.boolean(),
    'Whether reports have to be signed as a whole. Default false',
  ),
  reportRoots: setting<readonly string[]>(
    v.pipe(texts, v.nonEmpty('expected at least one file')),
    'Files (PEM or DER) with the CA certificates that signatures of whole reports must chain to. Default: rootCas',
  ),
  minimumMetadataSigners: setting(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
    'Signatures by different keys that each metadata item needs. Default 1',
  ),
  allowOlderMetadata: setting(
    v.boolean(),
    'Whether metadata older than what was accepted before passes. Default false',
  ),
  allowOlderTpmClock: setting(
    v.boolean(),
    'Whether reports pass of a TPM whose clock or counters are before those accepted last. Default false',
  ),
  ...evidenceEntries,
  enrollmentMode: setting(
    v.picklist(['local', 'est', 'acme']),
    'Who certifies TLS keys: est (a server), local (a CA key on this computer). Default: nobody, no TLS keys',
  ),
  enrollmentCaKey: setting(text, 'enrollmentMode local: file of the CA key (PEM)'),
  enrollmentCaChain: setting(
    texts,
    'enrollmentMode local: files of the CA chain, its own certificate first',
  ),
  enrollmentNames: setting(
    texts,
    'enrollmentMode local: names and IP addresses that may be certified, * for any. Default: those of this computer',
  ),
  enrollmentAddr: setting(text, 'enrollmentMode est: URL of the server, https://host:port'),
  provisionAuth: setting(
    v.array(v.picklist(['none', 'token', 'certificate', 'attestation'])),
    'enrollmentMode est: how to identify to the server besides the attestation, which is always sent: none, token, certificate. Default: what there is a file for',
  ),
  provisionToken: setting(text, 'enrollmentMode est: file with the token, read for each enrolment'),
  enrollmentCert: setting(
    text,
    'enrollmentMode est: file (PEM) with a client certificate for the server, its chain behind it',
  ),
  enrollmentKey: setting(text, 'enrollmentMode est: file (PEM) with the key of enrollmentCert'),
  allowSystemCerts: setting(
    v.boolean(),
    'Whether HTTPS servers may also chain to the CAs that Node.js knows. Default false',
  ),
  name: setting(text, 'Name of this computer in reports. Default: its host name'),
  logLevel: setting(
    v.picklist(['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    'Least severe level that is logged. Default info',
  ),
  logFile: setting(text, 'File to append the log to. Default: standard error'),
  logFormat: setting(
    v.picklist(['json', 'pretty']),
    'Form of log lines. Default: pretty on a terminal, json elsewhere',
  ),
  endorsementMode: setting(
    v.picklist(['est', 'direct', 'cps', 'host']),
    'drivers tpm, snp: who vouches for the hardware. tpm: est, a server (default), or with snp nobody else. snp: host (default), direct for the service of AMD, cps for a server in between',
  ),
  endorsementAddr: setting(
    text,
    'endorsementMode est, cps: URL of the server, https://host:port. Default for est: enrollmentAddr',
  ),
  excludePcrs: setting(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(23))),
    'driver tpm: PCRs that are not quoted. Default: 0 to 16 and 23 are, after a dynamic launch 17 to 22',
  ),
  measurementLogs: setting(
    v.boolean(),
    'driver tpm: whether reports hold event logs, not only the values of PCRs. Default true',
  ),
  imaSignatures: setting(
    v.boolean(),
    'driver tpm: whether reports hold the signatures of measured files, for imaKeys of peers; 200 to 800 bytes each. Default false',
  ),
  tpmEventLog: setting(
    text,
    'driver tpm: file of the log of the firmware. Default: that of the kernel for the first TPM',
  ),
  imaLog: setting(text, 'driver tpm: file of the binary list of IMA. Default: that of the kernel'),
  vmpl: setting(
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3)),
    'driver snp: privilege level of reports. Default 0',
  ),
  vendorCache: setting(text, 'driver snp: folder of vendor certificates. Default: memory'),
  tpmKeyAlg: setting(
    v.picklist(['EC256', 'RSA2048']),
    'driver tpm: kind of its attestation key. Default EC256',
  ),
  tpmDevice: setting(
    text,
    'driver tpm: device file, or unix:///path of a software TPM. Default /dev/tpmrm0, else /dev/tpm0',
  ),
});
