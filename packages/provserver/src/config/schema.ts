import {
  type EvidenceSettings,
  evidenceEntries,
  required,
  type SettingEntries,
  setting,
  text,
} from '@cmc/host';
import { type PublishSettings, publishEntries } from '@cmc/publish';
import * as v from 'valibot';
import type { AuthMethod, EndpointMethods } from './endpoints.ts';
import { isNamePattern } from './name-pattern.ts';

/**
 * Settings of the server: the keys of its config file. {@link provserverConfigSchema} says what each
 * means.
 */
export interface ProvserverConfig extends PublishSettings, EvidenceSettings {
  readonly estAddr?: string;
  readonly estCaKey: string;
  readonly estCaChain: readonly string[];
  readonly tlsKey: string;
  readonly tlsCaChain: readonly string[];
  readonly rootCas: readonly string[];
  readonly database: string;
  readonly endpoints?: Partial<EndpointMethods>;
  readonly allowedNames?: readonly string[];
  readonly spkiNonce?: 'allow' | 'refuse';
  readonly useOmsp?: boolean;
  readonly requireOmsp?: boolean;
  readonly requireReportSignature?: boolean;
  readonly minimumMetadataSigners?: number;
  readonly allowOlderMetadata?: boolean;
  readonly verifyEkCert?: boolean;
  readonly fetchEkCertificates?: boolean;
  readonly revokedEks?: readonly string[];
  readonly ekCrls?: readonly string[];
  readonly certificateDays?: number;
  readonly crlUrl?: string;
  readonly httpFolder?: string;
  readonly omspUrl?: string;
  readonly omspFolder?: string;
  readonly omspKey?: string;
  readonly omspCaChain?: readonly string[];
  readonly vcekCacheFolder?: string;
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug';
  readonly logFile?: string;
}

const url = v.pipe(text, v.url('expected a URL'));
const files = v.pipe(v.array(text), v.minLength(1, 'expected at least one file'));

const methods = v.exactOptional(
  v.pipe(
    v.array(v.picklist<readonly AuthMethod[]>(['token', 'certificate', 'attestation', 'tpm'])),
    v.check((list) => new Set(list).size === list.length, 'expected each method once'),
  ),
);
const namePattern = v.pipe(
  text,
  v.check(isNamePattern, 'expected a name, *.example.org, {prover} or *'),
);

/** Describes the config file. */
export const provserverConfigSchema: v.StrictObjectSchema<
  SettingEntries<ProvserverConfig>,
  undefined
> = v.strictObject({
  estAddr: setting(text, 'Where to listen, host:port. Default 127.0.0.1:9000'),
  estCaKey: required(text, 'File with the private key that issues certificates (PKCS #8 or SEC 1)'),
  estCaChain: required<readonly string[]>(
    files,
    'Files (PEM) with the certificate of estCaKey first, then those above it',
  ),
  tlsKey: required(text, 'File with the private key of the server'),
  tlsCaChain: required<readonly string[]>(
    files,
    'Files (PEM) with the TLS certificate of the server first, then those above it',
  ),
  rootCas: required<readonly string[]>(
    files,
    'Files (PEM) with the CA certificates that metadata must chain to',
  ),
  database: required(
    text,
    'sqlite:///absolute/path, or postgres://user@host/name for several servers',
  ),
  endpoints: setting<Partial<EndpointMethods>>(
    v.strictObject({
      simpleenroll: methods,
      simplereenroll: methods,
      attestenroll: methods,
      tpmactivateenroll: methods,
      tpmcertifyenroll: methods,
    }),
    'What each endpoint needs, all of the list: token, certificate, attestation, tpm; [] closes it',
  ),
  allowedNames: setting<readonly string[]>(
    v.array(namePattern),
    'Names that attested devices may have: exact ones, *.example.org, {prover} for the name in the report, * for any. Default: none',
  ),
  spkiNonce: setting(
    v.picklist(['allow', 'refuse']),
    'Whether devices may attest without a nonce of the server. Default refuse',
  ),
  useOmsp: setting(v.boolean(), 'Whether revocation of manifests (OMSP) is checked. Default false'),
  requireOmsp: setting(
    v.boolean(),
    'Whether manifests that cannot be revoked are refused. Default false',
  ),
  requireReportSignature: setting(
    v.boolean(),
    'Whether reports must be signed as a whole. Default false',
  ),
  minimumMetadataSigners: setting(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
    'Signatures by different keys that each metadata item needs. Default 1',
  ),
  allowOlderMetadata: setting(
    v.boolean(),
    'Whether metadata older than what was accepted before passes. Default false',
  ),
  ...evidenceEntries,
  verifyEkCert: setting(
    v.boolean(),
    'Whether keys of TPMs need an endorsement certificate under a vendor root (ek-roots). Without, ANY SOFTWARE IS TAKEN FOR A TPM. Default true',
  ),
  fetchEkCertificates: setting(
    v.boolean(),
    'Whether endorsement certificates of Intel and AMD are fetched when a device has none. Default false',
  ),
  revokedEks: setting<readonly string[]>(
    files,
    'Files with SHA-256 digests, hex, one a line, of endorsement keys (SubjectPublicKeyInfo) or certificates that are refused',
  ),
  ekCrls: setting<readonly string[]>(
    files,
    'Files (DER or PEM) with revocation lists of TPM vendors, read again when they change. With them, the issuer of every endorsement certificate needs a list that is in date and does not name it. Default: lists are not looked at',
  ),
  certificateDays: setting(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(825)),
    'Days that certificates are valid. Default 180',
  ),
  crlUrl: setting(url, 'Where devices find the revocation list; written into every certificate'),
  httpFolder: setting(text, 'Folder with signed metadata to serve under its own name'),
  omspUrl: setting(url, 'URL of the revocation service of this server, as manifests name it'),
  omspFolder: setting(text, 'Folder with the revocation status of manifests'),
  omspKey: setting(text, 'File with the private key that signs revocation statements'),
  omspCaChain: setting<readonly string[]>(
    files,
    'Files (PEM) with the certificate of omspKey first, then those above it',
  ),
  vcekCacheFolder: setting(
    text,
    'Folder for certificates of AMD; with it the server passes them on to devices',
  ),
  ...publishEntries,
  logLevel: setting(v.picklist(['error', 'warn', 'info', 'debug']), 'Default info'),
  logFile: setting(text, 'File for the log. Default: standard error'),
});
