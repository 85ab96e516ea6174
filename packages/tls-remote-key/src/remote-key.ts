import { createHash, createPublicKey } from 'node:crypto';
import { RemoteKeyError } from './errors.ts';
import type { NativeRemoteKeys } from './native.ts';
import { type BlockingSigner, toSignRequest } from './sign-request.ts';

export interface RemoteKeyOptions {
  /** SubjectPublicKeyInfo, DER: an EC key on P-256, P-384 or P-521, or an RSA key. */
  readonly publicKey: Uint8Array;
  readonly sign: BlockingSigner;
}

/** A key for TLS that is not here. */
export interface RemoteKey extends Disposable {
  /**
   * What `key` of `node:tls`, `https`, `http2` and grpc-js takes, on the thread that made it. It is
   * a name, not a secret: one PEM block `REMOTE PRIVATE KEY` of 16 bytes that stand for the copy of
   * the addon, then the SubjectPublicKeyInfo. Never make a `KeyObject` of it: several of their methods end the process.
   */
  readonly pem: string;
  /** Handshakes that use it fail from now on. */
  close(): void;
}

const LINE_LENGTH = 64;
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/**
 * A key whose signatures `sign` makes.
 * @throws {RemoteKeyError} ERR_REMOTE_KEY_TYPE, ERR_REMOTE_KEY_REGISTERED
 */
export function createRemoteKey(native: NativeRemoteKeys, options: RemoteKeyOptions): RemoteKey {
  const spki = canonicalSpki(options.publicKey);
  const id = createHash('sha256').update(spki).digest();
  try {
    native.register(id, (...wanted) => Buffer.from(options.sign(toSignRequest(...wanted))));
  } catch (cause) {
    const message = `the key ${id.toString('hex')} has a signer on this thread`;
    throw new RemoteKeyError('ERR_REMOTE_KEY_REGISTERED', message, { cause });
  }
  const close = (): void => native.unregister(id);
  return { pem: toPem(Buffer.concat([native.token, spki])), close, [Symbol.dispose]: close };
}

/** The addon finds keys by the hash of exactly these bytes. */
function canonicalSpki(publicKey: Uint8Array): Buffer {
  let kind: string | undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' });
    const { namedCurve = '' } = key.asymmetricKeyDetails ?? {};
    kind = key.asymmetricKeyType;
    if (kind === 'rsa' || (kind === 'ec' && CURVES.has(namedCurve))) {
      return key.export({ type: 'spki', format: 'der' });
    }
    kind = `${kind} ${namedCurve}`;
  } catch (cause) {
    const message = 'publicKey: expected a SubjectPublicKeyInfo in DER';
    throw new RemoteKeyError('ERR_REMOTE_KEY_TYPE', message, { cause });
  }
  const expected = 'expected RSA, or EC on P-256, P-384 or P-521';
  throw new RemoteKeyError('ERR_REMOTE_KEY_TYPE', `publicKey: ${expected}, got ${kind}`);
}

function toPem(body: Buffer): string {
  const text = body.toString('base64');
  const lines = ['-----BEGIN REMOTE PRIVATE KEY-----'];
  for (let i = 0; i < text.length; i += LINE_LENGTH) lines.push(text.slice(i, i + LINE_LENGTH));
  return [...lines, '-----END REMOTE PRIVATE KEY-----', ''].join('\n');
}
