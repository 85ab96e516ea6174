import { X509Certificate } from 'node:crypto';
import type { WaitOptions } from '@cmc/attestationreport';
import { decodeUtf8 } from '@cmc/bytes';
import type { CmcAddress } from './cmc-source.ts';
import { AttestedTlsError } from './errors.ts';

export interface DaemonKeyOptions extends WaitOptions {
  /** The daemon that has the key. Never one that runs on this very thread: it could not answer. */
  readonly cmc: CmcAddress;
  /** What `tlsCreate` of the daemon returned. */
  readonly keyId: string;
  /** Time for one signature, ms; this thread stands still until it is there. Default 3,000. */
  readonly timeoutMs?: number;
  /** Time for which a daemon that failed to sign is not asked again, ms. Default 2,000. */
  readonly pauseMs?: number;
}

/** A TLS key that stays in the daemon, or in the daemon's TPM. */
export interface DaemonKey extends AsyncDisposable {
  /** For `connect`, `createServer`, `Agent`, and for all of Node that takes these options. */
  readonly tls: {
    /** The certificate and its chain, PEM. */
    readonly cert: string;
    /** Stands for the key, on this thread. Holds no secret. */
    readonly key: string;
  };
  /** Handshakes that use the key fail from now on. */
  close(): Promise<void>;
}

const DEFAULT_CALL_MS = 10_000;

/**
 * Opens a key of the daemon for TLS. Its certificate is the one that the daemon has now; open it
 * again after it was renewed. Handshakes with an RSA key fail where the daemon does not know
 * RSA-PSS, which TLS 1.3 demands: the Go implementation does not.
 * @throws {AttestedTlsError} ERR_ATLS_CMC: the daemon does not give the certificate.
 *   ERR_ATLS_KEY: the key cannot be used so, or `@cmc/tls-remote-key` is missing or does not work
 */
export async function openDaemonKey(options: DaemonKeyOptions): Promise<DaemonKey> {
  const { cmc, keyId, timeoutMs, pauseMs, signal } = options;
  const certificates = await fetchCertificates(options);
  const publicKey = publicKeyOf(certificates[0]);
  const { openRemoteKeys, startSignerThread } = await loadRemoteKeys();
  const thread = startSignerThread({
    module: new URL('../src/daemon-signer.mjs', import.meta.url),
    data: { cmc, keyId, publicKey },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(pauseMs === undefined ? {} : { pauseMs }),
  });
  try {
    signal?.throwIfAborted();
    const key = openRemoteKeys().create({ publicKey, sign: thread.sign });
    const close = async (): Promise<void> => {
      key.close();
      await thread.close();
    };
    return {
      tls: { cert: certificates.join(''), key: key.pem },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await thread.close();
    throw keyError('the key cannot be used for TLS', cause);
  }
}

async function fetchCertificates(options: DaemonKeyOptions): Promise<readonly string[]> {
  const { cmc, keyId, signal } = options;
  const { createCmcClient } = await import('@cmc/api');
  try {
    await using client = await createCmcClient({ ...cmc, timeoutMs: DEFAULT_CALL_MS });
    const { certificate } = await client.tlsCert({ keyId }, signal === undefined ? {} : { signal });
    return certificate.map((pem) => decodeUtf8(pem));
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `the own daemon does not give the certificate of key ${keyId}`;
    throw new AttestedTlsError('ERR_ATLS_CMC', message, { cause });
  }
}

function publicKeyOf(certificate: string | undefined): Uint8Array {
  let type: string | undefined;
  try {
    const { publicKey: key } = new X509Certificate(certificate ?? '');
    type = key.asymmetricKeyType;
    if (type === 'ec' || type === 'rsa') return key.export({ type: 'spki', format: 'der' });
  } catch (cause) {
    throw keyError('the certificate of the key is malformed', cause);
  }
  throw keyError(`expected an EC or RSA key, got ${type}`);
}

async function loadRemoteKeys(): Promise<typeof import('@cmc/tls-remote-key')> {
  try {
    return await import('@cmc/tls-remote-key');
  } catch (cause) {
    throw keyError('the optional package @cmc/tls-remote-key is not installed', cause);
  }
}

function keyError(message: string, cause?: unknown): AttestedTlsError {
  const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
  return new AttestedTlsError('ERR_ATLS_KEY', reason, cause === undefined ? {} : { cause });
}
