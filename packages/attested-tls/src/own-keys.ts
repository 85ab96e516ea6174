import { toHex } from '@cmc/bytes';
import { sha256, spkiHash } from './channel-binding.ts';

/**
 * Where the private TLS key of this end is: `remote`, in what `openDaemonKey` or a signer of
 * `@cmc/tls-remote-key` stands for; else in this process: `bound`, where the peer has verified that
 * something else of this end vouches for it on this connection, a key proof or an attestation
 * report; or `local`.
 */
export type KeyProtection = 'remote' | 'bound' | 'local';
/** What an end can demand of its own keys: the weakest protection that will do. */
export type RequiredKeyProtection = Exclude<KeyProtection, 'local'>;

/** The whole text: OpenSSL takes the first key that it finds, and no other may be in front of it. */
const REMOTE_PEM =
  /^\s*-----BEGIN REMOTE PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END REMOTE PRIVATE KEY-----\s*$/;
/** In such a text `@cmc/tls-remote-key` has a token of so many bytes, then the public key. */
const TOKEN_BYTES = 16;

/** Options that bring keys, or choose them later, without showing where those are. */
const OPAQUE = ['pfx', 'secureContext', 'SNICallback', 'privateKeyIdentifier'] as const;

/** The TLS keys that one end was given. */
export class OwnKeys {
  readonly #required: RequiredKeyProtection | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo, hex, of each that is remote. */
  readonly #remote = new Set<string>();

  constructor(required: RequiredKeyProtection | undefined) {
    if (required !== undefined && required !== 'remote' && required !== 'bound') {
      throw new TypeError(
        `requireKeyProtection: expected remote or bound, got ${String(required)}`,
      );
    }
    this.#required = required;
  }

  /**
   * Takes note of the keys in TLS options that this end is going to use.
   * @throws {TypeError} they are not all remote, and have to be
   */
  admit(options: object): void {
    const remote = keyTexts(options).map(remoteKeyHash);
    if (this.#required === 'remote') checkAllRemote(options, remote);
    for (const hash of remote) if (hash !== undefined) this.#remote.add(hash);
  }

  /**
   * How the key of a certificate that this end has sent is protected.
   * @param isBound whether something else vouches for it on the connection
   */
  protectionOf(certificate: Uint8Array, isBound: boolean): KeyProtection {
    if (this.#remote.size > 0 && this.#remote.has(toHex(spkiHash(certificate)))) return 'remote';
    return isBound ? 'bound' : 'local';
  }

  /** Whether a protection will do. What is not remote and has to be was refused before. */
  suffices(protection: KeyProtection): boolean {
    return this.#required === undefined || protection !== 'local';
  }
}

function checkAllRemote(options: object, remote: readonly (string | undefined)[]): void {
  for (const name of OPAQUE) {
    if (Reflect.get(options, name) === undefined) continue;
    throw new TypeError(`${name}: does not show where its key is, and requireKeyProtection is set`);
  }
  if (remote.length > 0 && !remote.includes(undefined)) return;
  const what = remote.length === 0 ? 'none' : 'one that is local';
  throw new TypeError(`key: expected that of openDaemonKey (requireKeyProtection), got ${what}`);
}

/** The entries of the option `key`, in all forms that Node takes. */
function keyTexts(options: object): readonly unknown[] {
  const key: unknown = Reflect.get(options, 'key');
  if (key === undefined || key === null) return [];
  const entries: readonly unknown[] = Array.isArray(key) ? key : [key];
  return entries.map((entry) =>
    typeof entry === 'object' && entry !== null && 'pem' in entry ? entry.pem : entry,
  );
}

function remoteKeyHash(key: unknown): string | undefined {
  const text = ArrayBuffer.isView(key)
    ? Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
    : String(key);
  const [, body] = REMOTE_PEM.exec(text) ?? [];
  if (body === undefined) return undefined;
  return toHex(sha256(Buffer.from(body, 'base64').subarray(TOKEN_BYTES)));
}
