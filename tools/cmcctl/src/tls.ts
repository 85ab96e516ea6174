import { type AttestationResult, explain } from '@cmc/attestationreport';
import { type AttestationOptions, openDaemonKey } from '@cmc/attested-tls';
import { readConnectionFiles, readSettingFile, UsageError } from '@cmc/host';
import { daemonAddress } from './daemon.ts';
import type { CmcctlSettings } from './settings.ts';

/** Options of `@cmc/attested-tls` for both ends, and what to close afterwards. */
export interface TlsMaterial extends AsyncDisposable {
  readonly options: AttestationOptions & {
    readonly ca: Buffer[];
    readonly cert?: string | Buffer;
    readonly key?: string | Buffer;
  };
}

/** Certificates, keys and policies of the settings; the key from a file, or one of the daemon. */
export async function openTls(settings: CmcctlSettings): Promise<TlsMaterial> {
  const { policies: scripts = [], keyId, ...rest } = settings;
  if (settings.rootCas === undefined) throw new UsageError('root-cas is needed');
  if (scripts.length > 1) throw new UsageError('policies: a connection takes one script');
  if (keyId !== undefined && settings.key !== undefined) {
    throw new UsageError('key and key-id exclude each other');
  }
  const [script] = scripts;
  const { policies: _, ...connection } = { ...rest, policies: undefined };
  const files = await readConnectionFiles({
    ...connection,
    ...(script === undefined ? {} : { policies: script }),
  });
  const cmc = daemonAddress(settings);
  const daemonKey =
    keyId === undefined
      ? undefined
      : await openDaemonKey({
          cmc,
          keyId: (await readSettingFile(keyId, 'keyId')).toString('utf8').trim(),
        });
  const { cert = daemonKey?.tls.cert, key = daemonKey?.tls.key, policies, ca = [] } = files;
  return {
    options: {
      ca: [...ca],
      ...(cert && { cert }),
      ...(key && { key }),
      ...(policies && { policies }),
      cmc,
      serialization: cmc.serialization,
      attest: settings.attest ?? 'mutual',
      mtls: settings.mtls ?? false,
    },
    [Symbol.asyncDispose]: async () => {
      await daemonKey?.close();
    },
  };
}

/** A verdict on a peer, for output. */
export function summarize(result: AttestationResult | undefined): {
  readonly status?: string;
  readonly reasons: readonly string[];
} {
  if (result === undefined) return { reasons: [] };
  return { status: result.summary.status, reasons: explain(result) };
}
