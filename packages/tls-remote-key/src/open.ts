import { createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { RemoteKeyError } from './errors.ts';
import { loadNative, type NativeRemoteKeys } from './native.ts';
import { createRemoteKey, type RemoteKey, type RemoteKeyOptions } from './remote-key.ts';

/** Makes keys of TLS that live elsewhere. */
export interface RemoteKeys {
  /** @throws {RemoteKeyError} ERR_REMOTE_KEY_TYPE, ERR_REMOTE_KEY_REGISTERED */
  create(options: RemoteKeyOptions): RemoteKey;
}

let opened: RemoteKeys | undefined;

/**
 * The addon, which has just shown that it works: it loads, OpenSSL uses it for a key of ours, and
 * what it signs verifies. OpenSSL's configuration can forbid providers, which shows only in use.
 * @throws {RemoteKeyError} ERR_REMOTE_KEY_UNAVAILABLE
 */
export function openRemoteKeys(): RemoteKeys {
  if (opened !== undefined) return opened;
  const native = loadNative();
  selfTest(native);
  opened = Object.freeze({
    create: (options: RemoteKeyOptions) => createRemoteKey(native, options),
  });
  return opened;
}

function selfTest(native: NativeRemoteKeys): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const message = randomBytes(32);
  const digest = createHash('sha256').update(message).digest();
  let asked = false;
  using key = createRemoteKey(native, {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: (request) => {
      asked = request.hash === 'SHA-256' && digest.equals(request.digest);
      return sign('sha256', message, privateKey);
    },
  });
  try {
    const signature = sign('sha256', message, key.pem);
    if (asked && verify('sha256', message, publicKey, signature)) return;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unavailable(reason, { cause });
  }
  throw unavailable('OpenSSL did not use the signer');
}

function unavailable(reason: string, options?: ErrorOptions): RemoteKeyError {
  const message = `the self-test of the addon failed: ${reason}`;
  return new RemoteKeyError('ERR_REMOTE_KEY_UNAVAILABLE', message, options);
}
