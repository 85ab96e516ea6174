import { required, type SettingEntries, setting, text } from '@cmc/host';
import * as v from 'valibot';

/** By what a request for a certificate may be authorised. */
export type AuthMethod = 'token' | 'certificate' | 'attestation';

/**
 * Settings of the server: the keys of its config file. {@link provserverConfigSchema} says what each
 * means.
 */
export interface ProvserverConfig {
  readonly estAddr?: string;
  readonly estCaKey: string;
  readonly estCaChain: readonly string[];
  readonly tlsKey: string;
  readonly tlsCaChain: readonly string[];
  readonly rootCas: readonly string[];
  readonly database: string;
  readonly authMethods?: readonly AuthMethod[];
  readonly simpleEnroll?: readonly Exclude<AuthMethod, 'attestation'>[];
  readonly spkiNonce?: 'allow' | 'refuse';
  readonly crlUrl?: string;
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug';
  readonly logFile?: string;
}

const files = v.pipe(v.array(text), v.minLength(1, 'expected at least one file'));

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
    'Files (PEM) with the CA certificates that metadata and client certificates must chain to',
  ),
  database: required(
    text,
    'sqlite:///absolute/path, or postgres://user@host/name for several servers',
  ),
  authMethods: setting<readonly AuthMethod[]>(
    v.pipe(v.array(v.picklist(['token', 'certificate', 'attestation'])), v.minLength(1)),
    'What every attested enrolment needs, all of them. Default attestation',
  ),
  simpleEnroll: setting<readonly Exclude<AuthMethod, 'attestation'>[]>(
    v.pipe(v.array(v.picklist(['token', 'certificate'])), v.minLength(1)),
    'What /simpleenroll needs, all of them. Without this setting it is closed',
  ),
  spkiNonce: setting(
    v.picklist(['allow', 'refuse']),
    'Whether devices may attest without a nonce of the server. Default refuse',
  ),
  crlUrl: setting(text, 'Where devices find the revocation list; written into every certificate'),
  logLevel: setting(v.picklist(['error', 'warn', 'info', 'debug']), 'Default info'),
  logFile: setting(text, 'File for the log. Default: standard error'),
});
