import * as v from 'valibot';
import { type SettingEntries, setting, text } from './setting.ts';
import { readSettingFile } from './setting-files.ts';

/** Settings of every program that talks to a daemon and to attested peers. */
export interface ConnectionSettings {
  readonly api?: 'grpc' | 'coap' | 'socket';
  readonly cmcAddr?: string;
  readonly serialization?: 'json' | 'cbor';
  readonly attest?: 'mutual' | 'client' | 'server' | 'none';
  readonly mtls?: boolean;
  readonly rootCas?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly policies?: string;
}

/** Describes {@link ConnectionSettings}. */
export const connectionEntries: SettingEntries<ConnectionSettings> = {
  api: setting(v.picklist(['grpc', 'coap', 'socket']), 'API of the daemon. Default socket'),
  cmcAddr: setting(
    text,
    'Where the daemon is: unix:///path, or host:port. Default unix:///run/cmc/cmcd.sock',
  ),
  serialization: setting(v.picklist(['json', 'cbor']), 'Encoding of own messages. Default cbor'),
  attest: setting(
    v.picklist(['mutual', 'client', 'server', 'none']),
    'Who attests itself; both peers must say the same. Default mutual',
  ),
  mtls: setting(v.boolean(), 'Whether the client must have a certificate too. Default false'),
  rootCas: setting(
    v.array(text),
    'Files (PEM) with the CA certificates that the TLS certificate of the peer must chain to',
  ),
  cert: setting(text, 'File (PEM) with the own TLS certificate chain, leaf first'),
  key: setting(text, 'File (PEM) with the private key of cert'),
  policies: setting(text, 'File with a policy script that the peer must satisfy'),
};

/** Default endpoint of the daemon. */
export const DEFAULT_CMC_ADDRESS = 'unix:///run/cmc/cmcd.sock';

/** Certificates, key and policies of {@link ConnectionSettings}, read from their files. */
export interface ConnectionFiles {
  readonly ca?: readonly Buffer[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly policies?: Buffer;
}

/** Reads the files that the settings name. @throws {ConfigError} */
export async function readConnectionFiles(settings: ConnectionSettings): Promise<ConnectionFiles> {
  const { rootCas, cert, key, policies } = settings;
  return {
    ...(rootCas && {
      ca: await Promise.all(rootCas.map((path) => readSettingFile(path, 'rootCas'))),
    }),
    ...(cert !== undefined && { cert: await readSettingFile(cert, 'cert') }),
    ...(key !== undefined && { key: await readSettingFile(key, 'key') }),
    ...(policies !== undefined && { policies: await readSettingFile(policies, 'policies') }),
  };
}
