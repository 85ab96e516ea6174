import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { RemoteKeyError } from './errors.ts';

/** Called by TLS, on the thread that registered it. */
export type NativeSigner = (
  digest: Buffer,
  hash: string,
  scheme: string,
  saltBytes: number,
  message: Buffer | undefined,
) => Buffer;

/** The addon: sources in `addon/`. */
export interface NativeRemoteKeys {
  /** Tells the keys of this copy of the addon from those of another in the same process. */
  readonly token: Uint8Array;
  /** `id` is the SHA-256 of the SubjectPublicKeyInfo. */
  register(id: Uint8Array, signer: NativeSigner): void;
  unregister(id: Uint8Array): void;
}

/**
 * The addon of this platform, loaded.
 * @throws {RemoteKeyError} ERR_REMOTE_KEY_UNAVAILABLE
 */
export function loadNative(): NativeRemoteKeys {
  const target = `${process.platform}-${process.arch}`;
  const path = fileURLToPath(
    new URL(`../prebuilds/${target}/tls-remote-key.node`, import.meta.url),
  );
  try {
    return createRequire(import.meta.url)(path) as NativeRemoteKeys;
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new RemoteKeyError(
      'ERR_REMOTE_KEY_UNAVAILABLE',
      `the addon for ${target} does not load: ${reason}`,
      { cause },
    );
  }
}
